"""What a small shop's backend does with the OpenAI SDK: the program that several instrumentations are recorded with.

A copy of this file lies beside each script in its environment. Prompts carry the markers that steer the model server.
"""

from __future__ import annotations

import asyncio
import json

from openai import AsyncOpenAI, OpenAI
from telemetry import request, tolerate

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def user(text: str) -> list[dict[str, str]]:
    """A conversation of one question."""
    return [{"role": "user", "content": text}]


def chat() -> None:
    """Plain, cached, reasoning and tool calls: six model calls."""
    client = OpenAI(max_retries=0)
    client.chat.completions.create(
        model="gpt-4o-mini",
        temperature=0.2,
        max_tokens=200,
        messages=[{"role": "system", "content": "Be brief."}, *user("Capital of France?")],
    )
    with request("/ask"):
        client.chat.completions.create(model="gpt-4o", messages=user("Capital of France? [case=cached]"))
    with request("/plan"):
        client.chat.completions.create(model="gpt-5-mini", messages=user("Plan a day in Paris."))
    with request("/weather"):
        messages: list = user("Weather in Paris?")
        first = client.chat.completions.create(model="gpt-4.1", messages=messages, tools=[TOOL])
        turn = first.choices[0].message
        call = turn.tool_calls[0]
        messages.append(turn.model_dump(exclude_none=True))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps({"celsius": 21})})
        client.chat.completions.create(model="gpt-4.1", messages=messages, tools=[TOOL])


def stream() -> None:
    """Streams with and without usage, one that calls a tool, one that is cached: four model calls."""
    client = OpenAI(max_retries=0)
    usage = {"include_usage": True}
    with request("/chat"):
        _drain(
            client.chat.completions.create(
                model="gpt-4o", stream=True, stream_options=usage, messages=user("Capital of France?")
            )
        )
    _drain(client.chat.completions.create(model="gpt-4o-mini", stream=True, messages=user("Capital of Spain?")))
    _drain(
        client.chat.completions.create(
            model="gpt-4o", stream=True, stream_options=usage, messages=user("Capital of Italy? [case=cached]")
        )
    )
    with request("/weather"):
        _drain(
            client.chat.completions.create(
                model="gpt-4.1", stream=True, stream_options=usage, messages=user("Weather in Paris?"), tools=[TOOL]
            )
        )


def _drain(chunks: object) -> None:
    for _ in chunks:  # type: ignore[attr-defined]
        pass


def parallel() -> None:
    """Two equal calls at the same time below one request."""

    async def ask() -> None:
        client = AsyncOpenAI(max_retries=0)
        question = user("Name a colour.")
        await asyncio.gather(*(client.chat.completions.create(model="gpt-4o-mini", messages=question) for _ in "ab"))

    with request("/fan-out"):
        asyncio.run(ask())


def responses() -> None:
    """The Responses API: plain, cached, streamed."""
    client = OpenAI(max_retries=0)
    client.responses.create(model="gpt-4.1-mini", input="Capital of Portugal?")
    with request("/answer"):
        client.responses.create(model="gpt-5", input="Capital of Norway? [case=cached]")
    with request("/answer"):
        _drain(client.responses.create(model="gpt-4.1-mini", input="Capital of Chile?", stream=True))


def embeddings() -> None:
    """One embedding of two texts."""
    with request("/search"):
        OpenAI(max_retries=0).embeddings.create(model="text-embedding-3-small", input=["red shoes", "blue hat"])


def errors() -> None:
    """A rate limit, a context that is too long, a server error: three failed calls."""
    client = OpenAI(max_retries=0)
    for route, case in (("/ask", "rate_limit"), ("/summarize", "too_long"), ("/ask", "server_error")):
        with request(route), tolerate():
            client.chat.completions.create(model="gpt-4o", messages=user(f"Capital of France? [case={case}]"))


def retry() -> None:
    """A rate limit that the SDK itself retries: two requests below one call."""
    with request("/ask"):
        OpenAI(max_retries=2).chat.completions.create(model="gpt-4o", messages=user("Capital of Peru? [case=flaky]"))
