"""Strands' agents on OpenAI's and Anthropic's models."""

import contextlib

import calls
import exporting
from opentelemetry import trace
from strands import Agent, tool
from strands.models.anthropic import AnthropicModel
from strands.models.openai import OpenAIModel

provider = exporting.provider()
trace.set_tracer_provider(provider)


# A model for each agent: every one runs in an event loop of its own.
def gpt():
    options = {"base_url": f"{calls.URL}/v1", "api_key": "-", "max_retries": 0}
    return OpenAIModel(client_args=options, model_id=calls.MODEL)


def claude():
    options = {"base_url": calls.URL, "api_key": "-", "max_retries": 0}
    return AnthropicModel(client_args=options, model_id=calls.CLAUDE, max_tokens=100)


for model in (gpt, claude):
    for text in (calls.QUESTION, calls.CACHED, calls.FAILING):
        with contextlib.suppress(Exception):
            Agent(model=model(), callback_handler=None)(text)


@tool
def weather() -> str:
    """Return the weather."""
    return "It is sunny."


# Two requests, with the tool between them.
Agent(model=gpt(), tools=[weather], callback_handler=None)("What is the weather like?")
provider.shutdown()
