"""LiteLLM's SDK with its `otel` callback."""

import asyncio
import contextlib

import calls
import litellm
from opentelemetry import trace

litellm.callbacks = ["otel"]
litellm.suppress_debug_info = True
OPENAI = {"api_base": f"{calls.URL}/v1", "api_key": "-", "num_retries": 0}
CLAUDE = {"api_base": calls.URL, "api_key": "-", "num_retries": 0}


def ask(model, text, **options):
    answer = litellm.completion(model=model, messages=calls.messages(text), **options)
    if options.get("stream"):
        for _ in answer:
            pass


for model, options in ((f"openai/{calls.MODEL}", OPENAI), (f"anthropic/{calls.CLAUDE}", CLAUDE)):
    for text in (calls.QUESTION, calls.CACHED):
        ask(model, text, **options)
        ask(model, text, stream=True, stream_options=calls.USAGE, **options)
    with contextlib.suppress(litellm.APIError, litellm.BadRequestError):
        ask(model, calls.FAILING, **options)
litellm.embedding(model=f"openai/{calls.EMBEDDER}", input=[calls.QUESTION], **OPENAI)
litellm.responses(model=f"openai/{calls.MODEL}", input=calls.QUESTION, **OPENAI)


async def ask_async():
    """Ask twice at a time, once streamed."""
    options = {"model": f"openai/{calls.MODEL}", "messages": calls.messages(calls.QUESTION)}
    plain = asyncio.create_task(litellm.acompletion(**options, **OPENAI))
    async for _ in await litellm.acompletion(
        **options, **OPENAI, stream=True, stream_options=calls.USAGE
    ):
        pass
    await plain
    # Its callbacks run after the answer.
    await asyncio.sleep(2)


asyncio.run(ask_async())
trace.get_tracer_provider().force_flush()
