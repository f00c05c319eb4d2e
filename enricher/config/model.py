"""The whole configuration: one model that composes the sections of all rooms, and their checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from enricher.admin.settings import AdminSettings
from enricher.config import limits
from enricher.config.base import Section
from enricher.config.limits import LimitsSettings
from enricher.errors import Problem
from enricher.export.settings import AnyExporter, ExportersSettings, FileExporter, Rotation
from enricher.measure.settings import MetricsSettings
from enricher.normalize import check as normalize_check
from enricher.normalize.settings import NormalizeSettings
from enricher.price import check as price_check
from enricher.price.settings import PricesSettings
from enricher.receive.settings import ReceiversSettings
from enricher.sample import check as sample_check
from enricher.sample.settings import SamplingSettings
from enricher.trial import check as trial_check
from enricher.trial.settings import Scenario


def _file_exporter() -> dict[str, AnyExporter]:
    return {"file": FileExporter(path="enricher-data/traces.jsonl", rotation=Rotation(max_backups=10))}


def _none_is_empty(value: Any) -> Any:
    return [] if value is None else value


class Settings(Section):
    """The configuration of one instance. Every key has a default; the empty configuration receives on loopback, keeps
    every trace, writes them to a rotated file under `./enricher-data/` and serves metrics."""

    receivers: ReceiversSettings = ReceiversSettings()
    """Where telemetry comes in."""
    normalize: NormalizeSettings = NormalizeSettings()
    """How model calls are read, and what is written onto their spans."""
    prices: PricesSettings = PricesSettings()
    """What model calls cost, beyond list prices."""
    sampling: SamplingSettings = SamplingSettings()
    """Which whole traces are kept."""
    metrics: MetricsSettings = MetricsSettings()
    """What is measured, and where it can be read."""
    exporters: ExportersSettings = Field(default_factory=_file_exporter)
    """Where kept traces, and all metrics and logs, are sent: destinations by name, `type` or `type/name`."""
    limits: LimitsSettings = LimitsSettings()
    """What one instance may hold."""
    admin: AdminSettings = AdminSettings()
    """Health and readiness."""
    tests: Annotated[list[Scenario], BeforeValidator(_none_is_empty)] = Field(default=[])
    """Traces and what is expected of them. `enricher check --tests` runs them; the service does not look at them."""


Check = Callable[[Any], list[Problem]]

RAW_CHECKS: dict[str, tuple[Check, ...]] = {
    "normalize": (normalize_check.check_raw,),
    "sampling": (sample_check.check_raw,),
}
"""Checks of a section as written (plain data of any shape), run whether or not its values are valid."""

CHECKS: dict[str, tuple[Check, ...]] = {
    "sampling": (sample_check.check,),
    "prices": (price_check.check,),
    "limits": (limits.check,),
    "tests": (trial_check.check,),
}
"""Checks of a section's model, run when all its values are valid. Paths in Problems are relative to the section."""
