"""smolagents with OpenInference: an agent's totals above its model calls."""

import os

from telemetry import provider, request, tolerate

traces = provider()

from openinference.instrumentation.smolagents import SmolagentsInstrumentor

SmolagentsInstrumentor().instrument(tracer_provider=traces)

from smolagents import OpenAIServerModel, ToolCallingAgent, tool


@tool
def get_weather(city: str) -> str:
    """Weather in a city.

    Args:
        city: The city.
    """
    return f"21 degrees in {city}"


def model(name: str) -> OpenAIServerModel:
    """A model behind the scripted server."""
    return OpenAIServerModel(
        model_id=name,
        api_base=os.environ["OPENAI_BASE_URL"],
        api_key="sk-test",
        client_kwargs={"max_retries": 0},
    )


def user(text: str) -> list[dict]:
    """A conversation of one question."""
    return [{"role": "user", "content": [{"type": "text", "text": text}]}]


with request("/ask"):
    model("gpt-4o-mini").generate(user("Capital of France?"))
with request("/ask"):
    model("gpt-4o").generate(user("Capital of Peru? [case=cached]"))
with request("/weather"):
    agent = ToolCallingAgent(tools=[get_weather], model=model("gpt-4.1"), max_steps=2, verbosity_level=0)
    agent.run("Weather in Paris?")
with request("/chat"):
    for _ in model("gpt-4.1-mini").generate_stream(user("Capital of Spain?")):
        pass
with request("/ask"), tolerate():
    model("gpt-4o").generate(user("Capital of Italy? [case=too_long]"))
