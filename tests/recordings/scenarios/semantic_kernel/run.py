"""Semantic Kernel's own diagnostics, over OpenAI."""

import asyncio

from telemetry import provider, request, tolerate

traces = provider()

from openai import AsyncOpenAI
from semantic_kernel import Kernel
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.functions import kernel_function

client = AsyncOpenAI(max_retries=0)


class Weather:
    """One function."""

    @kernel_function(name="get_weather", description="Weather in a city")
    def get_weather(self, city: str) -> str:
        """Weather in a city."""
        return f"21 degrees in {city}"


def service(model: str) -> OpenAIChatCompletion:
    """A chat model of the scripted server."""
    return OpenAIChatCompletion(ai_model_id=model, async_client=client)


async def main() -> None:
    """Agents with and without a function, a stream, a failure."""
    with request("/ask"):
        await ChatCompletionAgent(service=service("gpt-4o-mini"), name="guide").get_response("Capital of France?")
    with request("/ask"):
        agent = ChatCompletionAgent(service=service("gpt-4o"), name="guide")
        await agent.get_response("Capital of Peru? [case=cached]")
    with request("/weather"):
        kernel = Kernel()
        agent = ChatCompletionAgent(service=service("gpt-4.1"), kernel=kernel, name="weather", plugins=[Weather()])
        await agent.get_response("Weather in Paris?")
    with request("/chat"):
        async for _ in ChatCompletionAgent(service=service("gpt-4.1-mini"), name="guide").invoke_stream(
            "Capital of Spain?"
        ):
            pass
    with request("/ask"), tolerate():
        await ChatCompletionAgent(service=service("gpt-4o"), name="guide").get_response("Why? [case=too_long]")


asyncio.run(main())
