"""What a block pasted from a Collector's configuration holds that enricher reads differently, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from enricher.config.document import Node, Place
from enricher.config.paths import Loc, dotted
from enricher.errors import Problem


@dataclass(frozen=True, slots=True)
class Foreign:
    """An option of the Collector. path: its last segments, `*` for any one. why: the note.

    same: the values with which enricher does the same anyway; None when no value makes a difference.
    """

    path: tuple[str, ...]
    why: str
    same: tuple[Any, ...] | None = None


FOREIGN = (
    Foreign(("sampling", "num_traces"), "the buffer is bounded by bytes: limits.buffer_mib"),
    Foreign(("sampling", "expected_new_traces_per_sec"), "tables grow as they need to"),
    Foreign(("sampling", "num_shards"), "the core shards by trace id: limits.shards"),
    Foreign(
        ("sampling", "block_on_overflow"), "a full buffer always refuses requests with a retry hint and loses nothing"
    ),
    Foreign(("sampling", "sample_on_first_match"), "every policy votes", (False,)),
    Foreign(("sampling", "drop_pending_traces_on_shutdown"), "pending traces are decided at shutdown", (False,)),
    Foreign(("sampling", "sampling_strategy"), "whole traces are decided", ("trace-complete", "")),
    Foreign(
        ("probabilistic", "hash_salt"), "randomness comes from the trace id or `ot=rv`, so that all instances agree"
    ),
    Foreign(("string_attribute", "cache_max_size"), "expressions run in linear time and need no cache"),
)

UNAVAILABLE = {
    ("storage",): "journal and queues on disk are not available yet",
    ("tests",): "expected verdicts are not available yet",
    ("sampling", "tail_storage"): "a journal on disk is not available yet",
}
"""Planned keys. They are refused rather than accepted without effect."""

PIPELINE_KEYS = {
    "processors": "paste the `tail_sampling:` block under `sampling:`; the other processors stay in the Collector",
    "service": "there are no pipelines to list: all receivers feed all exporters",
    "connectors": "metrics of calls are served under `metrics:`",
    "extensions": "health is served under `admin:`",
}
"""Top-level keys of a Collector's file, with where their work is done here."""


def unwrap(root: Node) -> tuple[Node, list[Problem]]:
    """`sampling: {tail_sampling: {…}}` read as `sampling: {…}`."""
    sampling = root.value.get("sampling") if isinstance(root.value, dict) else None
    if sampling is None or not isinstance(root.value, dict) or not isinstance(sampling.value, dict):
        return root, []
    wrapped = [key for key in sampling.value if key.partition("/")[0] == "tail_sampling"]
    problems: list[Problem] = []
    value = {key: child for key, child in sampling.value.items() if key not in wrapped}
    keys = {key: place for key, place in sampling.keys.items() if key not in wrapped}
    for name in wrapped:
        block = sampling.value[name]
        if not isinstance(block.value, dict):
            continue
        for key, child in block.value.items():
            place = block.keys.get(key, child.place)
            if key in value:
                hint = "write it once, in the pasted block or beside it"
                problems.append(_problem("duplicate-key", ("sampling", key), f"`{key}` is given twice", hint, place))
            else:
                value[key], keys[key] = child, place
    return _with(root, "sampling", Node(sampling.place, value, keys=keys)), problems


def strip(root: Node) -> tuple[Node, list[Problem]]:
    """The tree without what means nothing here, and a note or fault for each."""
    problems: list[Problem] = []
    doomed: list[Loc] = []
    for loc, node, place in _entries(root, ()):
        why = UNAVAILABLE.get(tuple(str(segment) for segment in loc))
        if why is not None:
            problems.append(_problem("not-available", loc, why, "remove it", place))
            doomed.append(loc)
            continue
        foreign = next((row for row in FOREIGN if _names(row, loc)), None)
        if foreign is None:
            continue
        doomed.append(loc)
        if foreign.same is None or node.value in foreign.same:
            problems.append(_problem("ignored-option", loc, f"has no effect: {foreign.why}", "", place, "note"))
        else:
            wanted = " or ".join(str(value).lower() for value in foreign.same if value != "")
            problems.append(
                _problem(
                    "not-available",
                    loc,
                    f"{foreign.why}; {node.text} is not available",
                    f"remove it or write {wanted}",
                    place,
                )
            )
    for loc in doomed:
        root = _without(root, loc)
    return root, problems


def _names(row: Foreign, loc: Loc) -> bool:
    if len(row.path) == 2 and row.path[0] == "sampling":
        return loc == row.path
    return loc[0] == "sampling" and loc[-len(row.path) :] == row.path


def _entries(node: Node, above: Loc) -> Iterator[tuple[Loc, Node, Place]]:
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield (*above, key), child, node.keys.get(key, child.place)
            yield from _entries(child, (*above, key))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield from _entries(child, (*above, index))


def _without(node: Node, loc: Loc) -> Node:
    head, rest = loc[0], loc[1:]
    if isinstance(node.value, list) and isinstance(head, int):
        items = list(node.value)
        items[head] = _without(items[head], rest)
        return Node(node.place, items)
    assert isinstance(node.value, dict)
    value = dict(node.value)
    if not rest:
        del value[str(head)]
    else:
        value[str(head)] = _without(value[str(head)], rest)
    return Node(node.place, value, keys=node.keys)


def _with(root: Node, key: str, child: Node) -> Node:
    assert isinstance(root.value, dict)
    return Node(root.place, {**root.value, key: child}, keys=root.keys)


def _problem(code: str, loc: Loc, message: str, hint: str, place: Place, severity: str = "error") -> Problem:
    return Problem(code, dotted(loc), message, hint, place.file, place.line, place.column, severity)
