"""OpenTelemetry's own instrumentation of OpenAI's client."""

import calls
import exporting
import openai
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

provider = exporting.provider()
OpenAIInstrumentor().instrument(tracer_provider=provider)
client, other = calls.openai_clients(openai)
calls.chat(client, openai.APIError)
calls.chat_async(other)
calls.embed(client)
provider.shutdown()
