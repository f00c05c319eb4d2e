"""What a small program does with LlamaIndex: recorded with two instrumentations.

A copy of this file lies beside each script in its environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai import OpenAI


def model(name: str) -> OpenAI:
    """A model of the scripted server, without retries of the SDK's own."""
    return OpenAI(model=name, max_retries=0, api_base=os.environ["OPENAI_BASE_URL"])


def run(
    request: Callable[[str], AbstractContextManager[None]], tolerate: Callable[[], AbstractContextManager[None]]
) -> None:
    """Three answers, one of them cached, one streamed, and a failure."""
    with request("/ask"):
        model("gpt-4o-mini").chat([ChatMessage(role="user", content="Capital of France?")])
    with request("/ask"):
        question = [ChatMessage(role="user", content="Capital of Peru? [case=cached]")]
        model("gpt-4o").chat(question)
    with request("/chat"):
        for _ in model("gpt-4.1-mini").stream_chat([ChatMessage(role="user", content="Why?")]):
            pass
    with request("/ask"), tolerate():
        model("gpt-4o").chat([ChatMessage(role="user", content="Why? [case=too_long]")])
