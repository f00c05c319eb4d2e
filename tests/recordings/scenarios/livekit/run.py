"""LiveKit Agents' own spans, by text instead of voice."""

import asyncio

from telemetry import provider

traces = provider()

from livekit.agents import Agent, AgentSession, APIConnectOptions, function_tool
from livekit.agents.telemetry import set_tracer_provider
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.plugins import openai

set_tracer_provider(traces)


class Guide(Agent):
    """An agent with one tool."""

    def __init__(self) -> None:
        super().__init__(instructions="Be brief.")

    @function_tool
    async def get_weather(self, city: str) -> str:
        """Weather in a city."""
        return f"21 degrees in {city}"


class Plain(Agent):
    """An agent without tools."""

    def __init__(self) -> None:
        super().__init__(instructions="Be brief.")


async def ask(agent: Agent, model: str, *questions: str) -> None:
    """Asks an agent in a session of its own."""
    once = SessionConnectOptions(llm_conn_options=APIConnectOptions(max_retry=0))
    llm = openai.LLM(model=model, max_retries=0)
    async with AgentSession(llm=llm, conn_options=once) as session:
        await session.start(agent)
        for question in questions:
            await session.run(user_input=question)


async def main() -> None:
    """The turns."""
    await ask(Plain(), "gpt-4o-mini", "Capital of France?")
    await ask(Plain(), "gpt-4o", "Capital of Peru? [case=cached]", "And of Chile?")
    await ask(Guide(), "gpt-4.1", "Weather in Paris?")


asyncio.run(main())
