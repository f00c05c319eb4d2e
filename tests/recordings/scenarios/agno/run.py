"""Agno with OpenInference."""

from telemetry import provider, request

traces = provider()

from openinference.instrumentation.agno import AgnoInstrumentor

AgnoInstrumentor().instrument(tracer_provider=traces)

from agno.agent import Agent
from agno.models.openai import OpenAIChat


def get_weather(city: str) -> str:
    """Weather in a city."""
    return f"21 degrees in {city}"


def model(name: str) -> OpenAIChat:
    """A model of the scripted server, without retries of the SDK's own."""
    return OpenAIChat(id=name, max_retries=0)


with request("/ask"):
    Agent(model=model("gpt-4o-mini"), name="guide", telemetry=False).run("Capital of France?")
with request("/ask"):
    Agent(model=model("gpt-4o"), name="guide", telemetry=False).run("Capital of Peru? [case=cached]")
with request("/weather"):
    Agent(model=model("gpt-4.1"), name="weather", tools=[get_weather], telemetry=False).run("Weather in Paris?")
with request("/chat"):
    for _ in Agent(model=model("gpt-4.1-mini"), name="guide", telemetry=False).run("Capital of Spain?", stream=True):
        pass
