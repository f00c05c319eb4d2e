"""One event loop in one thread for everything that is served over HTTP."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web

from enricher.endpoint import cannot_listen, join_host_port, split_host_port

T = TypeVar("T")


class Site:
    """One application on one address; `stop` lets requests in work finish."""

    def __init__(self, host: WebHost, runner: web.AppRunner, address: str) -> None:
        self.address = address
        self._host = host
        self._runner = runner

    def stop(self) -> None:
        self._host.run(self._runner.cleanup())


class WebHost:
    """The thread. `start`, then `serve` any number of applications, `stop` at the end."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="web", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def serve(
        self, option: str, app: web.Application, endpoint: str, tls: ssl.SSLContext | None = None, grace_s: float = 5.0
    ) -> Site:
        """Bind and serve at `endpoint`, the value of `option`. Raises InputError when it cannot be bound."""
        host, port = split_host_port(endpoint)

        async def start() -> Site:
            # Bodies stay compressed: the receiver decompresses them itself, within bounds.
            runner = web.AppRunner(app, auto_decompress=False, access_log=None, shutdown_timeout=grace_s)
            await runner.setup()
            try:
                await web.TCPSite(runner, host or None, port, ssl_context=tls).start()
            except OSError as error:
                await runner.cleanup()
                raise cannot_listen(option, endpoint, error) from error
            return Site(self, runner, join_host_port(host or "0.0.0.0", int(runner.addresses[0][1])))

        return self.run(start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop from another thread and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
