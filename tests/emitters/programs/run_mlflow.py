"""MLflow's automatic tracing of OpenAI's client and Anthropic's."""

import anthropic
import calls
import mlflow
import openai

mlflow.openai.autolog()
mlflow.anthropic.autolog()
client, other = calls.openai_clients(openai)


@mlflow.trace
def ask():
    calls.chat(client, openai.APIError)
    calls.embed(client)
    calls.respond(client, openai.APIError)
    # Of a stream of Anthropic it reads no usage.
    calls.claude(anthropic, streams=False)


ask()
calls.chat_async(other)
mlflow.flush_trace_async_logging()
