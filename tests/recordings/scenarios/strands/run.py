"""Strands Agents with its built-in spans, over OpenAI: one agent is asked several times, so that its totals grow."""

import os

from telemetry import provider, request, tolerate

traces = provider()

from strands import Agent, tool
from strands.models.openai import OpenAIModel


@tool
def get_weather(city: str) -> str:
    """Weather in a city."""
    return f"21 degrees in {city}"


def model(name: str) -> OpenAIModel:
    """A model behind the scripted server, without retries of the SDK's own."""
    return OpenAIModel(
        client_args={"base_url": os.environ["OPENAI_BASE_URL"], "api_key": "sk-test", "max_retries": 0}, model_id=name
    )


def silent() -> dict:
    """Nothing is printed."""
    return {"callback_handler": None}


guide = Agent(model=model("gpt-4o-mini"), name="guide", **silent())
with request("/ask"):
    guide("Capital of France?")
with request("/ask"):
    guide("Capital of Spain?")
with request("/ask"):
    guide("Capital of Peru? [case=cached]")
with request("/weather"):
    Agent(model=model("gpt-4.1"), name="weather", tools=[get_weather], **silent())("Weather in Paris?")
with request("/ask"), tolerate():
    Agent(model=model("gpt-4o"), name="guide", **silent())("Capital of Italy? [case=too_long]")
