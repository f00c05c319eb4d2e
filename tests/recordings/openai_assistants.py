"""The Assistants API of the scripted model server: threads, messages and runs, whose ``run.usage`` holds the tokens."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp import web

from .answers import Call, JsonObject, Script
from .openai_api import PROVIDER, REPLY, EventStream, error_response, headers


class AssistantsApi:
    """Handlers of ``/v1/assistants`` and ``/v1/threads``. One run is one model call."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._assistants: dict[str, JsonObject] = {}
        self._messages: dict[str, list[JsonObject]] = {}
        self._runs: dict[str, JsonObject] = {}
        self._pending: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """The routes to mount."""
        return [
            web.post("/v1/assistants", self.create_assistant),
            web.get("/v1/assistants/{assistant}", self.get_assistant),
            web.post("/v1/threads", self.create_thread),
            web.post("/v1/threads/{thread}/messages", self.create_message),
            web.get("/v1/threads/{thread}/messages", self.list_messages),
            web.post("/v1/threads/{thread}/runs", self.create_run),
            web.get("/v1/threads/{thread}/runs/{run}", self.get_run),
            web.get("/v1/threads/{thread}/runs/{run}/steps", self.list_steps),
        ]

    def _json(self, answer: Any) -> web.Response:
        return web.json_response(answer, headers=headers(self._script))

    def _listing(self, items: list[JsonObject]) -> web.Response:
        first = items[0]["id"] if items else None
        last = items[-1]["id"] if items else None
        return self._json({"object": "list", "data": items, "first_id": first, "last_id": last, "has_more": False})

    async def create_assistant(self, request: web.Request) -> web.Response:
        """Makes an assistant: no model is called."""
        body: JsonObject = await request.json()
        assistant = {
            "id": self._script.identifier("asst_", 24),
            "object": "assistant",
            "created_at": int(time.time()),
            "name": body.get("name"),
            "description": None,
            "model": body["model"],
            "instructions": body.get("instructions"),
            "tools": body.get("tools") or [],
            "metadata": {},
            "temperature": 1.0,
            "top_p": 1.0,
            "response_format": "auto",
        }
        self._assistants[assistant["id"]] = assistant
        return self._json(assistant)

    async def get_assistant(self, request: web.Request) -> web.Response:
        """Reads an assistant back; some instrumentations ask for its model this way."""
        return self._json(self._assistants[request.match_info["assistant"]])

    async def create_thread(self, request: web.Request) -> web.Response:
        """Makes an empty thread, or one with the messages given."""
        body: JsonObject = await request.json() if request.can_read_body else {}
        thread = self._script.identifier("thread_", 24)
        self._messages[thread] = []
        for message in body.get("messages") or []:
            self._add_message(thread, message["role"], message["content"])
        return self._json(
            {
                "id": thread,
                "object": "thread",
                "created_at": int(time.time()),
                "metadata": {},
                "tool_resources": {},
            }
        )

    def _add_message(self, thread: str, role: str, text: str, run: JsonObject | None = None) -> JsonObject:
        message: JsonObject = {
            "id": self._script.identifier("msg_", 24),
            "object": "thread.message",
            "created_at": int(time.time()),
            "assistant_id": run["assistant_id"] if run else None,
            "thread_id": thread,
            "run_id": run["id"] if run else None,
            "role": role,
            "content": [{"type": "text", "text": {"value": text, "annotations": []}}],
            "attachments": [],
            "metadata": {},
            "status": "completed",
        }
        self._messages[thread].append(message)
        return message

    async def create_message(self, request: web.Request) -> web.Response:
        """Adds a message of the user."""
        body: JsonObject = await request.json()
        return self._json(self._add_message(request.match_info["thread"], body["role"], str(body["content"])))

    async def list_messages(self, request: web.Request) -> web.Response:
        """The messages of a thread, newest first."""
        return self._listing(self._messages[request.match_info["thread"]][::-1])

    async def create_run(self, request: web.Request) -> web.StreamResponse:
        """Starts a run: the model call. It ends after a while (poll it), or is streamed."""
        body: JsonObject = await request.json()
        thread = request.match_info["thread"]
        assistant = self._assistants[body["assistant_id"]]
        prompt = {
            "model": body.get("model") or assistant["model"],
            "messages": self._messages[thread],
            "stream": body.get("stream"),
        }
        call = self._script.open_call(PROVIDER, "chat", prompt)
        if failure := self._script.failure(prompt):
            return error_response(self._script, call, failure)
        self._script.answer(call, "run_", 24)
        # A run names the model as it was asked for, never the dated one.
        call.response_model = call.request_model
        run: JsonObject = {
            "id": call.response_id,
            "object": "thread.run",
            "created_at": int(time.time()),
            "assistant_id": assistant["id"],
            "thread_id": thread,
            "status": "queued",
            "started_at": None,
            "expires_at": int(time.time()) + 600,
            "cancelled_at": None,
            "failed_at": None,
            "completed_at": None,
            "last_error": None,
            "model": call.response_model,
            "instructions": body.get("instructions") or assistant["instructions"] or "",
            "tools": assistant["tools"],
            "metadata": {},
            "usage": None,
            "temperature": 1.0,
            "top_p": 1.0,
            "max_prompt_tokens": None,
            "max_completion_tokens": None,
            "truncation_strategy": {"type": "auto", "last_messages": None},
            "tool_choice": "auto",
            "response_format": "auto",
            "parallel_tool_calls": True,
            "incomplete_details": None,
            "required_action": None,
        }
        self._runs[run["id"]] = run
        if call.streaming:
            return await self._stream(request, thread, run, call)
        task = asyncio.create_task(self._finish(thread, run, call))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return self._json(run)

    async def _finish(self, thread: str, run: JsonObject, call: Call) -> None:
        run |= {"status": "in_progress", "started_at": int(time.time())}
        await self._script.think(call)
        self._add_message(thread, "assistant", REPLY, run)
        self._complete(run, call)

    def _complete(self, run: JsonObject, call: Call) -> None:
        assert call.input_tokens is not None
        assert call.output_tokens is not None
        usage = {
            "prompt_tokens": call.input_tokens,
            "completion_tokens": call.output_tokens,
            "total_tokens": call.input_tokens + call.output_tokens,
            "prompt_token_details": {"cached_tokens": call.cache_read_tokens},
        }
        run |= {"status": "completed", "completed_at": int(time.time()), "usage": usage}
        self._script.close(call)

    def _run_step(self, thread: str, run: JsonObject) -> JsonObject:
        return {
            "id": self._script.identifier("step_", 24),
            "object": "thread.run.step",
            "created_at": int(time.time()),
            "assistant_id": run["assistant_id"],
            "thread_id": thread,
            "run_id": run["id"],
            "type": "message_creation",
            "status": "in_progress",
            "step_details": {"type": "message_creation", "message_creation": {"message_id": "msg_pending"}},
            "last_error": None,
            "expired_at": None,
            "cancelled_at": None,
            "failed_at": None,
            "completed_at": None,
            "metadata": {},
            "usage": None,
        }

    async def _stream(self, request: web.Request, thread: str, run: JsonObject, call: Call) -> web.StreamResponse:
        stream = EventStream(request, self._script)
        await stream.open()
        await stream.send(run, "thread.run.created")
        run |= {"status": "in_progress", "started_at": int(time.time())}
        await stream.send(run, "thread.run.in_progress")
        step = self._run_step(thread, run)
        await stream.send(step, "thread.run.step.created")
        await self._script.think(call, 0.5)
        message = self._add_message(thread, "assistant", REPLY, run)
        begun = message | {"status": "in_progress", "content": []}
        await stream.send(begun, "thread.message.created")
        content = {"index": 0, "type": "text", "text": {"value": REPLY, "annotations": []}}
        delta = {"id": message["id"], "object": "thread.message.delta", "delta": {"content": [content]}}
        await stream.send(delta, "thread.message.delta")
        await stream.send(message, "thread.message.completed")
        await self._script.think(call, 0.5)
        self._complete(run, call)
        await stream.send(step | {"status": "completed", "usage": run["usage"]}, "thread.run.step.completed")
        await stream.send(run, "thread.run.completed")
        await stream.send("[DONE]", "done")
        return await stream.close()

    async def get_run(self, request: web.Request) -> web.Response:
        """A run as it stands; ``usage`` appears when it is completed."""
        return self._json(self._runs[request.match_info["run"]])

    async def list_steps(self, _request: web.Request) -> web.Response:
        """Steps of a run: none."""
        return self._listing([])
