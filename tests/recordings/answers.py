"""What the scripted model server answers, and the log of it that becomes the truth of a recording.

A scenario steers an answer by a marker in its prompt, ``[case=NAME]``, since a prompt passes unchanged through every
SDK and framework. The cases:

==================  ==================================================================================================
``cached``          part of the input was read from the prompt cache
``cache_write``     part of the input was written to the cache (Anthropic, 5 minutes)
``cache_write_1h``  the same for one hour, with a 5 minute part and a read beside it
``rate_limit``      429 with rate-limit headers, each time
``server_error``    500, each time
``too_long``        400 ``context_length_exceeded``
``auth``            401
``flaky``           429 at the first attempt, an answer at the next
``slow``            an answer that takes about two seconds
``huge``            an input of more than 100,000 tokens
``loop``            the tool on offer is called again and again, whatever it returned
==================  ==================================================================================================

Token counts come from a seeded generator that never hands out the same number twice, so a count found on a span points
to one call.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import string
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]

_CASE = re.compile(r"\[case=([a-z0-9_]+)\]")
_ALPHABET = string.ascii_letters + string.digits

#: Alias asked for -> dated model that answers, as the vendors do it.
DATED_MODELS: Mapping[str, str] = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "o4-mini": "o4-mini-2025-04-16",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
}

_REASONING_MODEL = re.compile(r"^(gpt-5|o\d)")


@dataclass
class Call:
    """One request to the model and what was answered. Token counts are ``None`` where nothing was answered."""

    provider: str
    operation: str
    request_model: str
    response_model: str | None = None
    response_id: str | None = None
    input_tokens: int | None = None  # inclusive of cache reads and writes, whatever the API says
    output_tokens: int | None = None  # inclusive of reasoning
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None  # both lifetimes together
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    streaming: bool = False
    status: str = "ok"
    http_status: int = 200
    error_class: str | None = None
    usage_visible: bool = True  # False: the client was never told (a stream without include_usage)
    case: str | None = None
    tool_call: bool = False
    notes: str = ""
    time_unix_nano: int = field(default_factory=time.time_ns)  # arrival of the request
    duration_ns: int = 0  # until the last byte of the answer


@dataclass(frozen=True)
class Failure:
    """An error that the server answers with: HTTP status, our error class, the vendor's own words for it."""

    http_status: int
    error_class: str
    openai_type: str
    openai_code: str | None
    anthropic_type: str
    message: str


FAILURES: Mapping[str, Failure] = {
    "rate_limit": Failure(
        429, "rate_limit", "tokens", "rate_limit_exceeded", "rate_limit_error", "Rate limit reached on tokens per min."
    ),
    "server_error": Failure(
        500, "server_error", "server_error", None, "api_error", "The server had an error while processing your request."
    ),
    "too_long": Failure(
        400,
        "context_length_exceeded",
        "invalid_request_error",
        "context_length_exceeded",
        "invalid_request_error",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens.",
    ),
    "auth": Failure(
        401, "auth", "invalid_request_error", "invalid_api_key", "authentication_error", "Incorrect API key provided."
    ),
}


def case_of(body: JsonObject) -> str | None:
    """The marker nearest to the end of the request, or ``None``."""
    found = _CASE.findall(json.dumps(body, ensure_ascii=False))
    return str(found[-1]) if found else None


def wants_tool(body: JsonObject) -> JsonObject | None:
    """The first tool on offer, unless the request already brings a tool's result (then the model answers in words)."""
    tools = body.get("tools") or []
    if not tools or body.get("tool_choice") == "none":
        return None
    turns = body.get("messages") or body.get("input") or []
    if case_of(body) == "loop":
        return _function_of(tools[0])
    tail = json.dumps(turns[-1:] if isinstance(turns, list) else [])
    if '"tool"' in tail or '"tool_result"' in tail or '"function_call_output"' in tail:
        return None
    return _function_of(tools[0])


def _function_of(tool: JsonObject) -> JsonObject:
    """Name and schema of a tool: OpenAI's chat API nests them, the others do not."""
    return dict(tool.get("function") or tool)


class Script:
    """Hands out answers: models, ids, token counts, latencies; and keeps the log of calls."""

    def __init__(self, seed: str) -> None:
        self._rng = random.Random(seed)
        self._used: set[int] = set()
        self._failed_once: set[str] = set()
        self.calls: list[Call] = []

    def number(self, low: int, high: int) -> int:
        """A count in [low, high] that no answer has used yet, and that does not look like a year or an HTTP status."""
        while True:
            value = self._rng.randint(low, high)
            if value not in self._used and not 1990 <= value <= 2100 and value % 100 and value != 429:
                self._used.add(value)
                return value

    def identifier(self, prefix: str, length: int = 29) -> str:
        """An id of the vendor's look, such as ``chatcmpl-`` and 29 letters and digits."""
        return prefix + "".join(self._rng.choices(_ALPHABET, k=length))

    def failure(self, body: JsonObject) -> Failure | None:
        """What to fail with, or ``None`` for an answer. ``flaky`` fails once per distinct request body."""
        case = case_of(body)
        if case == "flaky":
            key = json.dumps(body, sort_keys=True)
            if key in self._failed_once:
                return None
            self._failed_once.add(key)
            return FAILURES["rate_limit"]
        return FAILURES.get(case or "")

    def open_call(self, provider: str, operation: str, body: JsonObject) -> Call:
        """A log entry for a request that has just arrived."""
        call = Call(
            provider=provider,
            operation=operation,
            request_model=str(body.get("model", "")),
            streaming=bool(body.get("stream")),
            case=case_of(body),
        )
        self.calls.append(call)
        return call

    def fail(self, call: Call, failure: Failure) -> None:
        """Closes the entry of a call that was refused."""
        call.status, call.http_status, call.error_class = "error", failure.http_status, failure.error_class
        call.duration_ns = time.time_ns() - call.time_unix_nano

    def answer(self, call: Call, id_prefix: str, id_length: int = 29) -> None:
        """Fills in model, id and token counts of a call that is answered."""
        call.response_model = DATED_MODELS.get(call.request_model, call.request_model)
        call.response_id = self.identifier(id_prefix, id_length) if id_prefix else None
        call.input_tokens = self.number(101_000, 149_000) if call.case == "huge" else self.number(1100, 2490)
        call.cache_read_tokens = call.cache_write_tokens = call.reasoning_tokens = 0
        if call.operation == "embeddings":
            call.output_tokens = 0
            return
        if call.case in ("cached", "cache_write_1h"):
            call.cache_read_tokens = self.number(2500, 4900)
        if call.case in ("cache_write", "cache_write_1h"):
            call.cache_write_5m_tokens = self.number(5000, 7400)
            call.cache_write_1h_tokens = self.number(7500, 9900) if call.case == "cache_write_1h" else 0
            call.cache_write_tokens = call.cache_write_5m_tokens + call.cache_write_1h_tokens
        call.input_tokens += call.cache_read_tokens + call.cache_write_tokens
        if _REASONING_MODEL.match(call.request_model):
            call.reasoning_tokens = self.number(400, 990)
        while True:  # spans show totals too, so these must not be another call's count either
            call.output_tokens = self.number(131, 390) + call.reasoning_tokens
            total = call.input_tokens + call.output_tokens
            if not {total, call.output_tokens} & self._used - {call.output_tokens - call.reasoning_tokens}:
                self._used |= {total, call.input_tokens, call.output_tokens}
                return

    async def think(self, call: Call, share: float = 1.0) -> None:
        """Waits as long as a (hasty) model would: 40 ms plus 0.5 ms a token of output; ``share`` of it."""
        seconds = 0.04 + 0.0005 * (call.output_tokens or 0)
        if call.case == "slow":
            seconds += 2.0
        await asyncio.sleep(seconds * share)

    def close(self, call: Call) -> None:
        """Stamps the end of an answered call."""
        call.duration_ns = time.time_ns() - call.time_unix_nano


def words(text: str, pieces: int = 4) -> list[str]:
    """Cuts a text into about ``pieces`` chunks for a stream; joined they give the text."""
    size = max(1, len(text) // pieces)
    return [text[i : i + size] for i in range(0, len(text), size)]
