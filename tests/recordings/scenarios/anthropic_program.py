"""What a small shop's backend does with the Anthropic SDK: the program that several instrumentations are recorded with.

A copy of this file lies beside each script in its environment. Prompts carry the markers that steer the model server.
"""

from __future__ import annotations

from anthropic import Anthropic
from telemetry import request, tolerate

TOOL = {
    "name": "get_weather",
    "description": "Weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def user(text: str) -> list[dict[str, str]]:
    """A conversation of one question."""
    return [{"role": "user", "content": text}]


def messages() -> None:
    """Plain, cache read, cache write of both lifetimes, and a tool call with its second turn: six model calls."""
    client = Anthropic(max_retries=0)
    client.messages.create(model="claude-haiku-4-5", max_tokens=200, messages=user("Capital of France?"))
    with request("/ask"):
        client.messages.create(model="claude-sonnet-4-5", max_tokens=200, messages=user("Why? [case=cached]"))
    with request("/ask"):
        client.messages.create(model="claude-sonnet-4-5", max_tokens=200, messages=user("How? [case=cache_write]"))
    with request("/ask"):
        client.messages.create(model="claude-opus-4-5", max_tokens=200, messages=user("Who? [case=cache_write_1h]"))
    with request("/weather"):
        turns: list = user("Weather in Paris?")
        first = client.messages.create(model="claude-sonnet-4-5", max_tokens=200, messages=turns, tools=[TOOL])
        block = first.content[0]
        turns.append({"role": "assistant", "content": [block.model_dump(include={"type", "id", "name", "input"})]})
        turns.append(
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "21 degrees"}]}
        )
        client.messages.create(model="claude-sonnet-4-5", max_tokens=200, messages=turns, tools=[TOOL])


def streams() -> None:
    """A raw stream, and one through the SDK's helper with cached input: two model calls."""
    client = Anthropic(max_retries=0)
    with request("/chat"):
        for _ in client.messages.create(
            model="claude-haiku-4-5", max_tokens=200, messages=user("Capital of Spain?"), stream=True
        ):
            pass
    with (
        request("/chat"),
        client.messages.stream(
            model="claude-sonnet-4-5", max_tokens=200, messages=user("Capital of Italy? [case=cached]")
        ) as stream,
    ):
        stream.get_final_message()


def errors() -> None:
    """A rate limit and a server error: two failed calls."""
    client = Anthropic(max_retries=0)
    for case in ("rate_limit", "server_error"):
        with request("/ask"), tolerate():
            client.messages.create(
                model="claude-sonnet-4-5", max_tokens=200, messages=user(f"Capital of Peru? [case={case}]")
            )
