"""The Anthropic part of the scripted model server: ``/v1/messages``, plain and streamed, with prompt caching.

This API's ``input_tokens`` exclude cache reads and writes; the log holds the inclusive sum.
"""

from __future__ import annotations

import json

from aiohttp import web

from .answers import Call, Failure, JsonObject, Script, wants_tool, words
from .openai_api import REPLY, TOOL_ARGUMENTS, EventStream

PROVIDER = "anthropic"


def headers(script: Script) -> dict[str, str]:
    """Headers that the vendor sends with each answer."""
    return {
        "request-id": script.identifier("req_", 24),
        "anthropic-organization-id": "00000000-0000-4000-8000-000000000000",
        "anthropic-ratelimit-requests-limit": "4000",
        "anthropic-ratelimit-requests-remaining": "3999",
        "anthropic-ratelimit-input-tokens-limit": "400000",
        "anthropic-ratelimit-input-tokens-remaining": "300000",
    }


def usage_of(call: Call) -> JsonObject:
    """``usage`` of the Messages API: the input without its cached parts, and the parts beside it."""
    assert call.input_tokens is not None
    read, written = call.cache_read_tokens or 0, call.cache_write_tokens or 0
    return {
        "input_tokens": call.input_tokens - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": call.cache_write_5m_tokens or 0,
            "ephemeral_1h_input_tokens": call.cache_write_1h_tokens or 0,
        },
        "output_tokens": call.output_tokens,
        "service_tier": "standard",
    }


class AnthropicApi:
    """Handler of ``/v1/messages``."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def routes(self) -> list[web.RouteDef]:
        """The routes to mount."""
        return [web.post("/v1/messages", self.messages)]

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """A message, plain or streamed."""
        body: JsonObject = await request.json()
        call = self._script.open_call(PROVIDER, "chat", body)
        if failure := self._script.failure(body):
            return self._error(call, failure)
        self._script.answer(call, "msg_01", 22)
        tool = wants_tool(body)
        call.tool_call = tool is not None
        block: JsonObject = {"type": "text", "text": REPLY}
        if tool:
            block = {
                "type": "tool_use",
                "id": self._script.identifier("toolu_01", 22),
                "name": tool["name"],
                "input": TOOL_ARGUMENTS,
            }
        message = {
            "id": call.response_id,
            "type": "message",
            "role": "assistant",
            "model": call.response_model,
            "content": [block],
            "stop_reason": "tool_use" if tool else "end_turn",
            "stop_sequence": None,
            "usage": usage_of(call),
        }
        if call.streaming:
            return await self._stream(request, call, message, block)
        await self._script.think(call)
        self._script.close(call)
        return web.json_response(message, headers=headers(self._script))

    def _error(self, call: Call, failure: Failure) -> web.Response:
        self._script.fail(call, failure)
        sent = headers(self._script)
        if failure.http_status == 429:
            sent |= {"retry-after": "1", "anthropic-ratelimit-input-tokens-remaining": "0"}
        error = {"type": failure.anthropic_type, "message": failure.message}
        body = {"type": "error", "error": error, "request_id": sent["request-id"]}
        return web.json_response(body, status=failure.http_status, headers=sent)

    async def _stream(
        self, request: web.Request, call: Call, message: JsonObject, block: JsonObject
    ) -> web.StreamResponse:
        # The first event counts the output so far (the vendor says 1 to 8); the last one brings the final count.
        begun = message | {"content": [], "stop_reason": None, "usage": usage_of(call) | {"output_tokens": 3}}
        if block["type"] == "tool_use":
            empty: JsonObject = block | {"input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        else:
            empty = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in words(REPLY)]
        stream = EventStream(request, self._script)
        await self._script.think(call, 0.4)
        await stream.open()
        await stream.send({"type": "message_start", "message": begun}, "message_start")
        await stream.send({"type": "content_block_start", "index": 0, "content_block": empty}, "content_block_start")
        await stream.send({"type": "ping"}, "ping")
        for delta in deltas:
            await self._script.think(call, 0.15)
            await stream.send({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
        await stream.send({"type": "content_block_stop", "index": 0}, "content_block_stop")
        final = {
            "type": "message_delta",
            "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
            "usage": {k: v for k, v in usage_of(call).items() if k not in ("cache_creation", "service_tier")},
        }
        await stream.send(final, "message_delta")
        await stream.send({"type": "message_stop"}, "message_stop")
        self._script.close(call)
        return await stream.close()
