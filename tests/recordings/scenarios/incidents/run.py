"""Incidents, with OpenTelemetry's own instrumentations for OpenAI and Anthropic."""

import json
import time

from telemetry import provider, request, tolerate

traces = provider()

from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=traces)
AnthropicInstrumentor().instrument(tracer_provider=traces)

from anthropic import Anthropic
from openai import APIStatusError, OpenAI
from openai_program import TOOL, user

openai = OpenAI(max_retries=0)
claude = Anthropic(max_retries=0)


def slow() -> None:
    """Answers that take two seconds."""
    for model in ("gpt-4o", "gpt-4o-mini"):
        with request("/slow"):
            openai.chat.completions.create(model=model, messages=user("Summarize the report. [case=slow]"))


def costly() -> None:
    """Inputs of more than 100,000 tokens."""
    with request("/report"):
        openai.chat.completions.create(model="gpt-5", messages=user("Summarize the archive. [case=huge]"))
    with request("/report"):
        claude.messages.create(model="claude-opus-4-5", max_tokens=900, messages=user("Summarize it. [case=huge]"))
    with request("/report"):
        for _ in claude.messages.create(
            model="claude-sonnet-4-5", max_tokens=900, messages=user("Translate it. [case=huge]"), stream=True
        ):
            pass


def retry_loop() -> None:
    """An application that retries a request too large for the budget six times, and then shortens it."""
    with request("/sync"):
        for attempt in range(6):
            try:
                openai.chat.completions.create(model="gpt-4o", messages=user("Sync the catalogue. [case=rate_limit]"))
            except APIStatusError:
                time.sleep(0.02 * 2**attempt)
        openai.chat.completions.create(model="gpt-4o", messages=user("Sync half of the catalogue."))


def runaway() -> None:
    """An agent that calls the same tool with the same arguments twelve times."""
    messages: list = user("Weather in Paris? [case=loop]")
    with request("/agent"):
        for _ in range(12):
            answer = openai.chat.completions.create(model="gpt-4.1", messages=messages[:1], tools=[TOOL])
            turn = answer.choices[0].message
            messages.append(turn.model_dump(exclude_none=True))
            result = json.dumps({"error": "city not found"})
            messages.append({"role": "tool", "tool_call_id": turn.tool_calls[0].id, "content": result})


def outage() -> None:
    """A vendor that fails for a while."""
    for route, model in (("/ask", "gpt-4o"), ("/chat", "gpt-4o-mini"), ("/ask", "gpt-4.1")):
        with request(route), tolerate():
            openai.chat.completions.create(model=model, messages=user("Capital of France? [case=server_error]"))
    with request("/ask"), tolerate():
        claude.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=user("Why? [case=server_error]"))


slow()
costly()
retry_loop()
runaway()
outage()
