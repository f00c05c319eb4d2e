"""The JSON schema of the configuration, for completion and checks in editors."""

from __future__ import annotations

from typing import Any

from enricher.config.model import Settings
from enricher.export.settings import KINDS, MODELS

_EXPANSION = {
    "type": "string",
    "pattern": r"\$\{[^}]+\}",
    "description": "A value from the environment: ${env:NAME} or ${env:NAME:-default}.",
}
_SCALARS = ("integer", "number", "boolean")
_ANNOTATIONS = ("description", "default", "examples")
# A date alone will do for a time; names that pydantic makes up are no titles.
_UNSAID = ("title", "format", "decimal_places")
# What pydantic leaves in its own words behind a validator.
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_NESTED = ("properties", "patternProperties")
_CHILDREN = ("items", "anyOf", "oneOf", "additionalProperties")


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a configuration file, as written: before the environment's values are filled in."""
    schema = Settings.model_json_schema(by_alias=True, mode="validation")
    definitions = schema.pop("$defs")
    _exporters(schema["properties"]["exporters"])
    schema = _written(schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "enricher configuration",
        "$defs": {"Expansion": _EXPANSION, **_each_written(definitions)},
    }


def _exporters(schema: dict[str, Any]) -> None:
    """An exporter's options follow from its name."""
    schema.pop("additionalProperties")
    schema["additionalProperties"] = False
    schema["patternProperties"] = {
        f"^{name}(/.+)?$": {"$ref": f"#/$defs/{MODELS[kind].__name__}"} for name, kind in KINDS.items()
    }


def _written(schema: Any) -> Any:
    """Allow what stands in a file for a value: `${env:…}` for a number or boolean, nothing at all for a section."""
    if isinstance(schema, list):
        return [_written(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {_BOUNDS.get(key, key): value for key, value in schema.items() if key not in _UNSAID}
    if any(key in schema for key in _NESTED):
        return {key: _each_written(value) if key in _NESTED else value for key, value in schema.items()}
    if "$ref" in schema:
        outside = {key: schema[key] for key in ("description",) if key in schema}
        return {**outside, "anyOf": [{"$ref": schema["$ref"]}, {"type": "null"}]}
    if schema.get("type") in _SCALARS or "enum" in schema:
        outside = {key: schema[key] for key in _ANNOTATIONS if key in schema}
        inside = {key: value for key, value in schema.items() if key not in outside}
        return {**outside, "anyOf": [inside, {"$ref": "#/$defs/Expansion"}]}
    return {key: _written(value) if key in _CHILDREN else value for key, value in schema.items()}


def _each_written(schemas: dict[str, Any]) -> dict[str, Any]:
    return {name: _written(one) for name, one in schemas.items()}
