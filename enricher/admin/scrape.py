"""`/metrics` in the format that the scraper asks for."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


def application(registry: CollectorRegistry) -> web.Application:
    """Serves `registry`; it is read in a thread, so that a large scrape does not hold up other requests."""

    async def metrics(request: web.Request) -> web.Response:
        encoder, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        text = await asyncio.get_running_loop().run_in_executor(None, encoder, registry)
        return web.Response(body=text, headers={hdrs.CONTENT_TYPE: content_type})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    return app
