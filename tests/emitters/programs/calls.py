"""The requests that every program makes, by the providers' own clients."""

from __future__ import annotations

import asyncio
import contextlib
import os

MODEL = "gpt-4o-mini"
EMBEDDER = "text-embedding-3-small"
CLAUDE = "claude-sonnet-4-5"
QUESTION = "How does a quantum computer work?"
CACHED = "How does a quantum computer work? This text is cached."
FAILING = "This will fail."
URL = os.environ["MODELS_URL"]
USAGE = {"include_usage": True}


def messages(text):
    return [{"role": "user", "content": text}]


def openai_clients(openai):
    """Return a client and an asynchronous one, which do not try again."""
    options = {"base_url": f"{URL}/v1", "api_key": "-", "max_retries": 0}
    return openai.OpenAI(**options), openai.AsyncOpenAI(**options)


def chat(client, failure):
    """Ask a chat model: plainly, streamed, with cached tokens, in vain."""
    create = client.chat.completions.create
    create(model=MODEL, messages=messages(QUESTION))
    create(model=MODEL, messages=messages(QUESTION))
    for _ in create(model=MODEL, messages=messages(QUESTION), stream=True, stream_options=USAGE):
        pass
    create(model=MODEL, messages=messages(CACHED))
    for _ in create(model=MODEL, messages=messages(CACHED), stream=True, stream_options=USAGE):
        pass
    with contextlib.suppress(failure):
        create(model=MODEL, messages=messages(FAILING))
    with contextlib.suppress(failure):
        create(model=MODEL, messages=messages(FAILING), stream=True, stream_options=USAGE)


def chat_async(client):
    """Ask a chat model twice at a time, once streamed."""

    async def streamed():
        create = client.chat.completions.create
        stream = await create(
            model=MODEL, messages=messages(QUESTION), stream=True, stream_options=USAGE
        )
        async for _ in stream:
            pass

    async def both():
        plain = client.chat.completions.create(model=MODEL, messages=messages(QUESTION))
        await asyncio.gather(plain, streamed())

    asyncio.run(both())


def embed(client):
    """Ask for embeddings, once."""
    client.embeddings.create(model=EMBEDDER, input=QUESTION)


def respond(client, failure):
    """Ask by the Responses API: plainly, streamed, with cached tokens, in vain."""
    create = client.responses.create
    create(model=MODEL, input=QUESTION)
    for _ in create(model=MODEL, input=QUESTION, stream=True):
        pass
    create(model=MODEL, input=CACHED)
    with contextlib.suppress(failure):
        create(model=MODEL, input=FAILING)


def claude(anthropic, *, streams=True):
    """Ask Claude: plainly, streamed, with cached tokens, in vain."""
    client = anthropic.Anthropic(base_url=URL, api_key="-", max_retries=0)
    options = {"model": CLAUDE, "max_tokens": 100}
    for text in (QUESTION, CACHED):
        client.messages.create(messages=messages(text), **options)
        if streams:
            for _ in client.messages.create(messages=messages(text), stream=True, **options):
                pass
    with contextlib.suppress(anthropic.APIError):
        client.messages.create(messages=messages(FAILING), **options)


def everything(openai, anthropic):
    """Make every kind of call, by the clients of both packages."""
    client, other = openai_clients(openai)
    chat(client, openai.APIError)
    chat_async(other)
    embed(client)
    respond(client, openai.APIError)
    claude(anthropic)
