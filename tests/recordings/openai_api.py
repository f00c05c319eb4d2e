"""The OpenAI part of the scripted model server: chat completions, Responses and embeddings."""

from __future__ import annotations

import base64
import json
import struct
import time

from aiohttp import web

from .answers import Call, Failure, JsonObject, Script, wants_tool, words

PROVIDER = "openai"
REPLY = "Paris is the capital of France."
TOOL_ARGUMENTS = {"city": "Paris"}


def headers(script: Script) -> dict[str, str]:
    """Headers that the vendor sends with each answer; some instrumentations read the rate limits."""
    return {
        "x-request-id": script.identifier("req_", 32),
        "openai-version": "2020-10-01",
        "openai-processing-ms": "42",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-limit-tokens": "200000",
        "x-ratelimit-remaining-tokens": "150000",
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-reset-tokens": "15s",
    }


def error_response(script: Script, call: Call, failure: Failure) -> web.Response:
    """The vendor's error body, with the rate-limit headers of an exhausted budget for a 429."""
    script.fail(call, failure)
    sent = headers(script)
    if failure.http_status == 429:
        sent |= {"retry-after": "1", "retry-after-ms": "200", "x-ratelimit-remaining-tokens": "0"}
    error = {"message": failure.message, "type": failure.openai_type, "param": None, "code": failure.openai_code}
    return web.json_response({"error": error}, status=failure.http_status, headers=sent)


def chat_usage(call: Call) -> JsonObject:
    """``usage`` of chat completions: inclusive input, details beside it."""
    assert call.input_tokens is not None
    assert call.output_tokens is not None
    return {
        "prompt_tokens": call.input_tokens,
        "completion_tokens": call.output_tokens,
        "total_tokens": call.input_tokens + call.output_tokens,
        "prompt_tokens_details": {"cached_tokens": call.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": call.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


class EventStream:
    """A server-sent-event answer."""

    def __init__(self, request: web.Request, script: Script) -> None:
        self._request = request
        self._response = web.StreamResponse(headers=headers(script) | {"content-type": "text/event-stream"})

    async def open(self) -> None:
        """Sends the head."""
        await self._response.prepare(self._request)

    async def send(self, data: JsonObject | str, event: str | None = None) -> None:
        """Sends one event; a string goes out as it stands (``[DONE]``)."""
        text = data if isinstance(data, str) else json.dumps(data)
        head = f"event: {event}\n" if event else ""
        await self._response.write(f"{head}data: {text}\n\n".encode())

    async def close(self) -> web.StreamResponse:
        """Ends the answer."""
        await self._response.write_eof()
        return self._response


class OpenAIApi:
    """Handlers of ``/v1/chat/completions``, ``/v1/responses`` and ``/v1/embeddings``."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def routes(self) -> list[web.RouteDef]:
        """The routes to mount."""
        return [
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/responses", self.responses),
            web.post("/v1/embeddings", self.embeddings),
        ]

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Chat completions, plain or streamed."""
        body: JsonObject = await request.json()
        call = self._script.open_call(PROVIDER, "chat", body)
        if failure := self._script.failure(body):
            return error_response(self._script, call, failure)
        self._script.answer(call, "chatcmpl-")
        tool = wants_tool(body)
        call.tool_call = tool is not None
        if call.streaming:
            return await self._chat_stream(request, body, call, tool)
        await self._script.think(call)
        message: JsonObject = {"role": "assistant", "content": REPLY, "refusal": None, "annotations": []}
        if tool:
            message |= {"content": None, "tool_calls": [self._tool_call(tool)]}
        answer = self._chat_head(call, "chat.completion") | {
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if tool else "stop"}
            ],
            "usage": chat_usage(call),
        }
        self._script.close(call)
        return web.json_response(answer, headers=headers(self._script))

    def _chat_head(self, call: Call, kind: str) -> JsonObject:
        return {
            "id": call.response_id,
            "object": kind,
            "created": int(time.time()),
            "model": call.response_model,
            "service_tier": "default",
            "system_fingerprint": "fp_3a5b2c9d1e",
        }

    def _tool_call(self, tool: JsonObject) -> JsonObject:
        function = {"name": tool["name"], "arguments": json.dumps(TOOL_ARGUMENTS)}
        return {"id": self._script.identifier("call_", 24), "type": "function", "function": function}

    async def _chat_stream(
        self, request: web.Request, body: JsonObject, call: Call, tool: JsonObject | None
    ) -> web.StreamResponse:
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        call.usage_visible = include_usage
        head = self._chat_head(call, "chat.completion.chunk")
        if include_usage:
            head["usage"] = None  # the vendor sends an explicit null in every chunk but the last

        def chunk(delta: JsonObject, finish: str | None = None) -> JsonObject:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            return head | {"choices": [choice]}

        stream = EventStream(request, self._script)
        await self._script.think(call, 0.4)
        await stream.open()
        await stream.send(chunk({"role": "assistant", "content": None if tool else ""}))
        if tool:
            await stream.send(chunk({"tool_calls": [{"index": 0} | self._tool_call(tool)]}))
        else:
            for piece in words(REPLY):
                await self._script.think(call, 0.15)
                await stream.send(chunk({"content": piece}))
        await stream.send(chunk({}, "tool_calls" if tool else "stop"))
        if include_usage:
            await stream.send(head | {"choices": [], "usage": chat_usage(call)})
        await stream.send("[DONE]")
        self._script.close(call)
        return await stream.close()

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        """Embeddings of eight dimensions: enough for a span, and the recording stays small."""
        body: JsonObject = await request.json()
        call = self._script.open_call(PROVIDER, "embeddings", body)
        if failure := self._script.failure(body):
            return error_response(self._script, call, failure)
        self._script.answer(call, "")  # this API returns no id
        await self._script.think(call)
        given = body.get("input")
        several = isinstance(given, list) and bool(given) and not isinstance(given[0], int)
        vector = [0.5, -0.25, 0.125, 0.75, -0.5, 0.25, -0.125, 0.0625]
        packed: str | list[float] = vector
        if body.get("encoding_format") == "base64":
            packed = base64.b64encode(struct.pack("<8f", *vector)).decode()
        count = len(given) if isinstance(given, list) and several else 1
        data = [{"object": "embedding", "index": index, "embedding": packed} for index in range(count)]
        usage = {"prompt_tokens": call.input_tokens, "total_tokens": call.input_tokens}
        self._script.close(call)
        answer = {"object": "list", "data": data, "model": call.response_model, "usage": usage}
        return web.json_response(answer, headers=headers(self._script))

    async def responses(self, request: web.Request) -> web.StreamResponse:
        """The Responses API, plain or streamed."""
        body: JsonObject = await request.json()
        call = self._script.open_call(PROVIDER, "chat", body)
        if failure := self._script.failure(body):
            return error_response(self._script, call, failure)
        self._script.answer(call, "resp_", 48)
        tool = wants_tool(body)
        call.tool_call = tool is not None
        item = self._output_item(tool)
        done = self._response_object(body, call, "completed", [item])
        if call.streaming:
            return await self._responses_stream(request, body, call, item, done)
        await self._script.think(call)
        self._script.close(call)
        return web.json_response(done, headers=headers(self._script))

    def _output_item(self, tool: JsonObject | None) -> JsonObject:
        if tool:
            return {
                "id": self._script.identifier("fc_", 48),
                "type": "function_call",
                "status": "completed",
                "call_id": self._script.identifier("call_", 24),
                "name": tool["name"],
                "arguments": json.dumps(TOOL_ARGUMENTS),
            }
        return {
            "id": self._script.identifier("msg_", 48),
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": REPLY, "annotations": [], "logprobs": []}],
        }

    def _response_object(self, body: JsonObject, call: Call, status: str, output: list[JsonObject]) -> JsonObject:
        usage = None
        if status == "completed":
            assert call.input_tokens is not None
            assert call.output_tokens is not None
            usage = {
                "input_tokens": call.input_tokens,
                "input_tokens_details": {"cached_tokens": call.cache_read_tokens},
                "output_tokens": call.output_tokens,
                "output_tokens_details": {"reasoning_tokens": call.reasoning_tokens},
                "total_tokens": call.input_tokens + call.output_tokens,
            }
        return {
            "id": call.response_id,
            "object": "response",
            "created_at": int(time.time()),
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "model": call.response_model,
            "output": output,
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None},
            "service_tier": "default",
            "store": True,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": body.get("tools") or [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": usage,
            "metadata": {},
        }

    async def _responses_stream(
        self, request: web.Request, body: JsonObject, call: Call, item: JsonObject, done: JsonObject
    ) -> web.StreamResponse:
        begun = self._response_object(body, call, "in_progress", [])
        stream = EventStream(request, self._script)
        at = {"item_id": item["id"], "output_index": 0}
        events: list[JsonObject] = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
        ]
        if item["type"] == "function_call":
            opened = item | {"status": "in_progress", "arguments": ""}
            events += [
                {"type": "response.output_item.added", "output_index": 0, "item": opened},
                {"type": "response.function_call_arguments.delta", "delta": item["arguments"]} | at,
                {"type": "response.function_call_arguments.done", "arguments": item["arguments"]} | at,
            ]
        else:
            part = item["content"][0]
            opened = item | {"status": "in_progress", "content": []}
            at_part = at | {"content_index": 0}
            events += [
                {"type": "response.output_item.added", "output_index": 0, "item": opened},
                {"type": "response.content_part.added", "part": part | {"text": ""}} | at_part,
                *({"type": "response.output_text.delta", "delta": p, "logprobs": []} | at_part for p in words(REPLY)),
                {"type": "response.output_text.done", "text": REPLY, "logprobs": []} | at_part,
                {"type": "response.content_part.done", "part": part} | at_part,
            ]
        events += [
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": done},
        ]
        await self._script.think(call, 0.4)
        await stream.open()
        for number, event in enumerate(events):
            if "delta" in event:
                await self._script.think(call, 0.15)
            await stream.send(event | {"sequence_number": number}, event["type"])
        self._script.close(call)
        return await stream.close()
