"""Cross-origin answers for the HTTP receiver (Fetch standard, CORS protocol)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from enricher.receive.settings import Cors

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def middleware(settings: Cors) -> Middleware:
    """Answers preflight requests of allowed origins and marks their responses; other requests pass untouched."""
    origins = [
        re.compile(".*".join(re.escape(part) for part in origin.split("*"))) for origin in settings.allowed_origins
    ]
    headers = ", ".join(["Content-Type", *settings.allowed_headers])

    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN, "")
        if not any(allowed.fullmatch(origin) for allowed in origins):
            return await handler(request)
        if request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers:
            response: web.StreamResponse = web.Response(status=204)
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = hdrs.METH_POST
            wanted = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = wanted if "*" in settings.allowed_headers else headers
            if settings.max_age:
                response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = str(settings.max_age)
        else:
            response = await handler(request)
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        response.headers[hdrs.VARY] = hdrs.ORIGIN
        return response

    return cors
