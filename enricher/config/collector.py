"""What a block pasted from a Collector's configuration holds that enricher reads differently, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enricher.config.document import Node, Place
from enricher.config.paths import Loc, dotted
from enricher.errors import Problem

_SHORT = 40


@dataclass(frozen=True, slots=True)
class Foreign:
    """An option of the Collector. path: dotted; `*` is any one key, `**` any number of them. why: the note.

    same: the values with which enricher does the same anyway; None when no value makes a difference.
    """

    path: str
    why: str
    same: tuple[Any, ...] | None = None


_SOCKETS = "the operating system's socket buffers are used"

FOREIGN = (
    Foreign("sampling.num_traces", "the buffer is bounded by bytes: limits.buffer_mib"),
    Foreign("sampling.expected_new_traces_per_sec", "tables grow as they need to"),
    Foreign("sampling.num_shards", "the core shards by trace id: limits.shards"),
    Foreign("sampling.block_on_overflow", "a full buffer refuses requests with a retry hint and loses nothing"),
    Foreign("sampling.sampling_strategy", "whole traces are decided", ("trace-complete", "")),
    Foreign("sampling.**.probabilistic.hash_salt", "the randomness is the trace id's, or `ot=rv`: all instances agree"),
    Foreign("sampling.**.string_attribute.cache_max_size", "expressions run in linear time and need no cache"),
    Foreign("receivers.otlp.protocols.*.include_metadata", "request metadata is not used", (False,)),
    Foreign("receivers.otlp.protocols.grpc.transport", "the receiver listens on TCP", ("tcp",)),
    Foreign("receivers.otlp.protocols.grpc.read_buffer_size", _SOCKETS),
    Foreign("receivers.otlp.protocols.grpc.write_buffer_size", _SOCKETS),
    Foreign("exporters.*.read_buffer_size", _SOCKETS),
    Foreign("exporters.*.write_buffer_size", _SOCKETS),
    Foreign("exporters.*.encoding", "requests are sent as protobuf", ("proto",)),
    Foreign("exporters.*.wait_for_ready", "requests wait in the queue for the connection"),
    Foreign("exporters.*.sending_queue.wait_for_result", "requests are queued", (False,)),
    Foreign("exporters.*.sending_queue.batch.min_size", "the engine forms requests: limits.payload_kib"),
    Foreign("exporters.*.sending_queue.batch.flush_timeout", "the engine hands requests over as traces are decided"),
    Foreign("exporters.*.sampling_initial", "the debug exporter writes everything"),
    Foreign("exporters.*.sampling_thereafter", "the debug exporter writes everything"),
    Foreign("exporters.*.use_internal_logger", "the debug exporter writes to the program's log", (True,)),
)

PLANNED = (
    Foreign("storage", "journal and queues on disk are not available yet", ()),
    Foreign("sampling.tail_storage", "a journal on disk is not available yet", ()),
    Foreign("exporters.*.sending_queue.storage", "queues on disk are not available yet", ()),
)
"""Keys that are planned. They are refused rather than accepted without effect."""

_BY_KEY: dict[str | int, list[Foreign]] = {}
for _row in (*FOREIGN, *PLANNED):
    _BY_KEY.setdefault(_row.path.rpartition(".")[2], []).append(_row)

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
        if not isinstance(block.value, dict) and block.value is not None:
            problems.append(_problem("wrong-type", ("sampling", name), "must be a mapping", "", block.place))
        for key, child in block.value.items() if isinstance(block.value, dict) else ():
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
    return _stripped(root, (), problems), problems


def _stripped(node: Node, above: Loc, problems: list[Problem]) -> Node:
    if isinstance(node.value, list):
        items = [_stripped(child, (*above, index), problems) for index, child in enumerate(node.value)]
        return Node(node.place, items)
    if not isinstance(node.value, dict):
        return node
    value: dict[str, Node] = {}
    for key, child in node.value.items():
        loc = (*above, key)
        problem = _judged(loc, child, node.keys.get(key, child.place))
        if problem is None:
            value[key] = _stripped(child, loc, problems)
        else:
            problems.append(problem)
    return Node(node.place, value, keys=node.keys)


def _judged(loc: Loc, node: Node, place: Place) -> Problem | None:
    """What there is to say about a key that is not for the models; None for all others."""
    for row in _BY_KEY.get(loc[-1], ()):
        if not _matches(row.path, loc):
            continue
        if row.same == ():
            return _problem("not-available", loc, row.why, "remove it", place)
        if row.same is None or node.value in row.same:
            return _problem("ignored-option", loc, f"has no effect: {row.why}", "", place, "note")
        message = f"{row.why}; {node.text[:_SHORT] or 'this'} is not available"
        return _problem("not-available", loc, message, f"remove it or write {str(row.same[0]).lower()}", place)
    return None


def _matches(pattern: str, loc: Loc) -> bool:
    names = pattern.split(".")
    if "**" in names:
        gap = names.index("**")
        head, tail = names[:gap], names[gap + 1 :]
        return len(loc) >= len(head) + len(tail) and _same(head, loc[:gap]) and _same(tail, loc[-len(tail) :])
    return len(loc) == len(names) and _same(names, loc)


def _same(names: list[str], loc: Loc) -> bool:
    return all(name in ("*", segment) for name, segment in zip(names, loc, strict=True))


def _with(root: Node, key: str, child: Node) -> Node:
    assert isinstance(root.value, dict)
    return Node(root.place, {**root.value, key: child}, keys=root.keys)


def _problem(code: str, loc: Loc, message: str, hint: str, place: Place, severity: str = "error") -> Problem:
    return Problem(code, dotted(loc), message, hint, place.file, place.line, place.column, severity)
