"""OpenInference's instrumentation of OpenAI's client and Anthropic's."""

import anthropic
import calls
import exporting
import openai
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace

provider = exporting.provider()
# Anthropic's client writes spans as well, inside these.
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument(tracer_provider=provider)
AnthropicInstrumentor().instrument(tracer_provider=provider)
calls.everything(openai, anthropic)
provider.shutdown()
