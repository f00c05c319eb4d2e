"""CrewAI's own spans, exported over OTLP as a host of its would."""

import os

os.environ["CREWAI_DISABLE_TELEMETRY"] = "true"  # the anonymous product telemetry, which is not this

from crewai import Agent, Crew, LLM, Task
from crewai.telemetry.tracing import telemetry_session
from crewai.telemetry.tracing.session import otlp_exporter
from crewai.tools import tool
from opentelemetry.sdk.resources import Resource


@tool("get_weather")
def get_weather(city: str) -> str:
    """Weather in a city."""
    return f"21 degrees in {city}"


def crew(model: str, task: str, tools: list | None = None) -> Crew:
    """A crew of one agent with one task."""
    llm = LLM(model=model, max_retries=0)
    guide = Agent(role="guide", goal="Answer.", backstory="Knows capitals.", llm=llm, tools=tools or [])
    return Crew(agents=[guide], tasks=[Task(description=task, expected_output="One sentence.", agent=guide)])


endpoint = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
service = Resource.create()
runs = [
    ("gpt-4o-mini", "Capital of France?", None),
    ("gpt-4o", "Capital of Peru? [case=cached]", None),
    ("gpt-4.1", "Weather in Paris?", [get_weather]),
]
for number, (model, task, tools) in enumerate(runs):
    with telemetry_session(f"run-{number}", "guide", [otlp_exporter(endpoint)], resource=service):
        crew(model, task, tools).kickoff()
