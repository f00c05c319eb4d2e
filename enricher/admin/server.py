"""The admin application: `/healthz`, `/readyz`, `/config`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests are taken now, and everything an operator asks next (JSON)."""

    ready: bool
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Probes:
    """What the application asks the service. `alive` is "" when all is well, else what hangs."""

    alive: Callable[[], str]
    ready: Callable[[], Readiness]
    config: Callable[[], dict[str, Any]]


def application(probes: Probes) -> web.Application:
    """The application of three paths, all GET.

    `/healthz`: 200 while the service works, 500 when it hangs and a restart would help. `/readyz`: 200 while it takes
    requests, 503 while it starts or stops, with details. `/config`: the effective configuration without secrets.
    """

    async def healthz(_: web.Request) -> web.Response:
        hangs = probes.alive()
        return web.Response(status=500 if hangs else 200, text=(hangs or "ok") + "\n")

    async def readyz(_: web.Request) -> web.Response:
        readiness = probes.ready()
        return web.json_response(
            {"ready": readiness.ready, **readiness.details}, status=200 if readiness.ready else 503
        )

    async def config(_: web.Request) -> web.Response:
        return web.json_response(probes.config())

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/config", config)])
    return app
