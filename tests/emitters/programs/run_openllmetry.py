"""OpenLLMetry's instrumentation of OpenAI's client and Anthropic's."""

import anthropic
import calls
import exporting
import openai
from opentelemetry import trace
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor

provider = exporting.provider()
# Anthropic's client writes spans as well: what OpenLLMetry adds to a stream's output is in its own.
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument(tracer_provider=provider)
AnthropicInstrumentor().instrument(tracer_provider=provider)
calls.everything(openai, anthropic)
provider.shutdown()
