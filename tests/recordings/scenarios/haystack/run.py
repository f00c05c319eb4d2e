"""Haystack with its own OpenTelemetry tracer, content on."""

from telemetry import provider, request, tolerate

traces = provider()

from haystack import Pipeline, tracing
from haystack.components.builders import ChatPromptBuilder
from haystack.components.embedders import OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack_integrations.tracing.opentelemetry import OpenTelemetryTracer

tracing.enable_tracing(OpenTelemetryTracer(traces.get_tracer("haystack")))
tracing.tracer.is_content_tracing_enabled = True


def pipeline(model: str) -> Pipeline:
    """A prompt and a chat."""
    made = Pipeline()
    made.add_component(
        "prompt", ChatPromptBuilder(template=[ChatMessage.from_user("Capital of {{country}}? {{marker}}")])
    )
    made.add_component("llm", OpenAIChatGenerator(model=model, max_retries=0))
    made.connect("prompt.prompt", "llm.messages")
    return made


with request("/ask"):
    pipeline("gpt-4o-mini").run({"prompt": {"country": "France", "marker": ""}})
with request("/ask"):
    pipeline("gpt-4o").run({"prompt": {"country": "Peru", "marker": "[case=cached]"}})
with request("/search"):
    made = Pipeline()
    made.add_component("embedder", OpenAITextEmbedder(model="text-embedding-3-small", max_retries=0))
    made.run({"embedder": {"text": "red shoes"}})
with request("/ask"), tolerate():
    pipeline("gpt-4o").run({"prompt": {"country": "Italy", "marker": "[case=too_long]"}})
