"""What a small shop's backend does with LangChain: the program that several instrumentations are recorded with.

A copy of this file lies beside each script in its environment. Prompts carry the markers that steer the model server.
"""

from __future__ import annotations

from langchain.agents import create_agent
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from telemetry import request, tolerate


@tool
def get_weather(city: str) -> str:
    """Weather in a city."""
    return f"21 degrees in {city}"


def run() -> None:
    """Chains, a stream, an agent with a tool, an embedding and a failure: nine model calls."""
    model = ChatOpenAI(model="gpt-4o-mini", max_retries=0)
    model.invoke("Capital of France?")
    prompt = ChatPromptTemplate.from_template("Capital of {country}? {marker}")
    with request("/ask"):
        (prompt | model | StrOutputParser()).invoke({"country": "Spain", "marker": ""})
    with request("/ask"):
        chain = prompt | ChatOpenAI(model="gpt-4o", max_retries=0)
        chain.invoke({"country": "Peru", "marker": "[case=cached]"})
    with request("/chat"):
        for _ in ChatOpenAI(model="gpt-4.1", max_retries=0, stream_usage=True).stream("Capital of Chile?"):
            pass
    with request("/chat"):
        for _ in ChatOpenAI(model="gpt-4.1-mini", max_retries=0, stream_usage=False).stream("Capital of Cuba?"):
            pass
    with request("/weather"):
        agent = create_agent(ChatOpenAI(model="gpt-4.1", max_retries=0), [get_weather], name="weather_agent")
        agent.invoke({"messages": [{"role": "user", "content": "Weather in Paris?"}]})
    with request("/search"):
        OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False).embed_query("red shoes")
    with request("/ask"), tolerate():
        model.invoke("Capital of Italy? [case=rate_limit]")
