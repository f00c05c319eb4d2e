"""A scripted model server on loopback that speaks the OpenAI and Anthropic APIs with known token counts.

It stands in for the vendors while real instrumentations are recorded: what it answered is the truth that their spans
are compared with. ``answers.py`` says how a prompt steers the answer. As a program it serves until interrupted and
prints its address, for a look by hand::

    python -m tests.recordings.model_server
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from aiohttp import web

from .answers import Call, Script
from .anthropic_api import AnthropicApi
from .openai_api import OpenAIApi
from .openai_assistants import AssistantsApi

HOST = "127.0.0.1"


class ModelServer:
    """The server as an async context manager; it listens on a free port while the block runs."""

    def __init__(self, seed: str = "") -> None:
        self.script = Script(seed)
        self.port = 0
        app = web.Application(client_max_size=16 << 20)
        apis = (OpenAIApi(self.script), AssistantsApi(self.script), AnthropicApi(self.script))
        app.add_routes([route for api in apis for route in api.routes()])
        app.router.add_route("*", "/{path:.*}", self._unknown)
        self._runner = web.AppRunner(app, access_log=None)
        self.unknown: list[str] = []

    @property
    def url(self) -> str:
        """Base address without a path, such as ``http://127.0.0.1:4711``."""
        return f"http://{HOST}:{self.port}"

    @property
    def calls(self) -> list[Call]:
        """What was asked and answered so far, in order of arrival."""
        return self.script.calls

    async def _unknown(self, request: web.Request) -> web.Response:
        self.unknown.append(f"{request.method} {request.path}")
        return web.json_response({"error": {"message": f"no route {request.path}", "type": "not_found"}}, status=404)

    async def __aenter__(self) -> ModelServer:
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        address: Any = self._runner.addresses[0]
        self.port = int(address[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()


async def _serve() -> None:
    async with ModelServer("by hand") as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
