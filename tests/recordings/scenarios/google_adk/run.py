"""Google's Agent Development Kit with its built-in spans, over OpenAI by way of LiteLLM."""

import asyncio

from telemetry import provider, request

traces = provider()

from google.adk.agents import LlmAgent
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import InMemoryRunner
from google.genai import types


def get_weather(city: str) -> str:
    """Weather in a city."""
    return f"21 degrees in {city}"


async def ask(agent: LlmAgent, text: str) -> None:
    """One turn of a session of its own."""
    runner = InMemoryRunner(agent=agent, app_name="shop")
    session = await runner.session_service.create_session(app_name="shop", user_id="user-7")
    message = types.Content(role="user", parts=[types.Part(text=text)])
    async for _ in runner.run_async(user_id="user-7", session_id=session.id, new_message=message):
        pass


async def main() -> None:
    """Agents with and without a tool."""
    with request("/ask"):
        await ask(LlmAgent(name="guide", model=LiteLlm("openai/gpt-4o-mini")), "Capital of France?")
    with request("/ask"):
        await ask(LlmAgent(name="guide", model=LiteLlm("openai/gpt-4o")), "Capital of Peru? [case=cached]")
    with request("/weather"):
        agent = LlmAgent(name="weather", model=LiteLlm("openai/gpt-4.1"), tools=[get_weather])
        await ask(agent, "Weather in Paris?")


asyncio.run(main())
