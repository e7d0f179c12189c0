"""Langfuse's SDK: its client of OpenAI, inside spans of its own, exported to the bridge as well."""

import calls
import exporting
from langfuse import Langfuse, observe
from langfuse.openai import openai

provider = exporting.provider()
# Its own export goes to the mocked models, which have no such path.
langfuse = Langfuse(tracer_provider=provider, public_key="pk", secret_key="sk", base_url=calls.URL)
client, other = calls.openai_clients(openai)


@observe()
def ask():
    calls.chat(client, openai.APIError)
    calls.embed(client)
    calls.respond(client, openai.APIError)


ask()
calls.chat_async(other)
langfuse.flush()
provider.shutdown()
