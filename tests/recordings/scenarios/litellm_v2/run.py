"""LiteLLM's SDK with its `otel` callback (v2)."""

import asyncio
import os
import time

import litellm
from telemetry import provider, request, tolerate

traces = provider()
litellm.callbacks = ["otel"]
litellm.suppress_debug_info = True

CLAUDE = {"model": "anthropic/claude-sonnet-4-5", "api_base": os.environ["MODEL_URL"]}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def user(text: str) -> list[dict[str, str]]:
    """A conversation of one question."""
    return [{"role": "user", "content": text}]


async def main() -> None:
    """Chat, streams, tools, Claude, an embedding, failures; some below a request, some on their own."""
    usage = {"include_usage": True}
    await litellm.acompletion(model="gpt-4o-mini", messages=user("Capital of France?"))
    await litellm.acompletion(model="gpt-4o", messages=user("Capital of Peru? [case=cached]"))
    with request("/weather"):
        await litellm.acompletion(model="gpt-4.1", messages=user("Weather in Paris?"), tools=[TOOL])
    async for _ in await litellm.acompletion(
        model="gpt-4o", messages=user("Capital of Spain?"), stream=True, stream_options=usage
    ):
        pass
    async for _ in await litellm.acompletion(model="gpt-4.1-mini", messages=user("Capital of Chile?"), stream=True):
        pass
    await litellm.acompletion(**CLAUDE, messages=user("Why? [case=cached]"), max_tokens=200)
    await litellm.acompletion(**CLAUDE, messages=user("How? [case=cache_write_1h]"), max_tokens=200)
    with request("/search"):
        await litellm.aembedding(model="text-embedding-3-small", input=["red shoes"])
    with tolerate():
        await litellm.acompletion(model="gpt-4o", messages=user("Capital of Cuba? [case=rate_limit]"), num_retries=0)
    with request("/ask"), tolerate():
        await litellm.acompletion(model="gpt-4o", messages=user("Capital of Cuba? [case=too_long]"), num_retries=0)
    with request("/ask"):
        await litellm.acompletion(model="gpt-4o", messages=user("Capital of Mali? [case=cached]"))
        await asyncio.sleep(0.5)  # the request is still open when the callback comes to report the call
    await asyncio.sleep(1)  # the callback runs in the background


asyncio.run(main())
litellm.completion(model="gpt-4o-mini", messages=user("Capital of Kenya?"))
time.sleep(2)  # for a synchronous call it runs in a thread
