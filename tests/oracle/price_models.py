"""The model of the book that a call is priced as: every row is tried by every spelling of the name, place by place."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from enricher.price.book import Book, ModelRow
from enricher.price.rules import Rules

if TYPE_CHECKING:
    from tests.oracle.price import Call


def provider(call: Call, rules: Rules) -> str | None:
    """A name that begins with a self-hosted server's (`hosted_vllm/x`) is served there, whatever the span says."""
    said = rules.provider_of(call.provider)
    first = call.model.lower().partition("/")[0] if "/" in call.model else ""
    named = rules.provider_of(first)
    if named and rules.providers[named].self_hosted and not rules.providers[named].maker:
        return said if said and rules.providers[said].slashed else named
    return said


def find(name: str, provider: str | None, book: Book, rules: Rules) -> ModelRow | None:
    """The book's model: the first provider of the chain, the least shortened spelling, exact before glob, the most
    specific glob."""
    assert provider is not None, "the reference prices calls of known providers only"
    chain = rules.chain(provider)
    first = name.lower().partition("/")[0] if "/" in name else ""
    rule = rules.providers[provider]
    if not rule.slashed and not rule.self_hosted and (named := rules.provider_of(first)):
        chain += [one for one in rules.chain(named) if one not in chain]
    known = spellings(name.lower(), rules)
    for one in chain:
        models = [row for row in book.models if row.provider == one]
        for spelling in known:
            exact = [row for row in models if spelling in row.names.split()]
            if exact:
                return exact[0]
            globs = [
                (len(glob.replace("*", "")), row)
                for row in models
                if not any(fnmatchcase(spelling, out) for out in row.excluded.split())
                for glob in row.names.split()
                if "*" in glob and fnmatchcase(spelling, glob)
            ]
            if globs:
                return max(globs, key=lambda found: found[0])[1]
    return None


def host(call: Call) -> str:
    return (urlsplit(call.host if "//" in call.host else f"//{call.host}").hostname or "").rstrip(".")


def region(call: Call, provider: str | None, rules: Rules) -> str:
    """The ARN's, else the host's."""
    if call.model.lower().startswith("arn:"):
        return (*call.model.split(":"), "", "", "", "")[3]
    rule = rules.providers[provider or ""]
    if not any(fnmatchcase(host(call), glob) for glob in rule.region_hosts):
        return ""
    return next((label for label in host(call).split(".") if re.fullmatch(rule.regions, label)), "")


def there(
    name: str, region: str, provider: str | None, book: Book, rules: Rules, anywhere: ModelRow | None
) -> ModelRow | None:
    """The region's own model, by any spelling of the name or by the id of the model found without a region, unless the
    name itself says where."""
    known = spellings(name.lower(), rules)
    rule = rules.providers[provider or ""]
    profile = any(one.startswith(prefix) for one in known for prefix in rules.prefixes)
    placed = any(re.fullmatch(rule.regions, part) for part in name.lower().split("/")[:-1])
    if not region or profile or placed:
        return None
    for spelling in [*known, *([anywhere.model] if anywhere else [])]:
        for row in book.models:
            if row.provider == provider and f"{region}/{spelling}" in row.names.split():
                return row
    return None


def spellings(name: str, rules: Rules) -> list[str]:
    found = [name]
    parts = name.split("/")
    found += ["/".join(parts[1:]), "/".join(parts[2:]), parts[-1]]
    found = [one for one in dict.fromkeys(found) if one]
    for one in list(found):
        found += [one[len(prefix) :] for prefix in rules.prefixes if one.startswith(prefix)][:1]
    for one in list(found):
        for _ in range(2):
            suffix = next((suffix for suffix in rules.suffixes if one.endswith(suffix)), None)
            if suffix is None:
                break
            one = one[: -len(suffix)]
            found.append(one)
    for one in list(found):
        if "@" in one:
            bare, _, version = one.rpartition("@")
            found += [f"{bare}-{version}", bare]
        elif dated := re.fullmatch(r"(.+)-(20\d\d)(\d\d)(\d\d)", one):
            found += ["-".join(dated.groups()), dated[1]]
        elif dated := re.fullmatch(r"(.+)-(20\d\d)-(\d\d)-(\d\d)", one):
            found += [f"{dated[1]}-{dated[2]}{dated[3]}{dated[4]}", dated[1]]
    return list(dict.fromkeys(found))
