"""A real LiteLLM proxy with mocked models: what it answers is counted, and no prompt leaks."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import secrets
import subprocess
import sys
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from laws import apart
from processes import wait_until
from test_worker import read_all

from streams.demo.broker import free_port

pytestmark = [pytest.mark.kafka, pytest.mark.any_broker]

#: LiteLLM takes a tenth of a second of CPU time for each; PROXY_REQUESTS=1000 asks more. Of each
#: pair of model and language five, and in `.ci/run` more than are asked at once.
REQUESTS = int(os.environ.get("PROXY_REQUESTS", "200" if apart() == 1 else "60"))
#: The mocked models take their time to answer.
AT_ONCE = 100

#: More than the requests take, so that LiteLLM posts once.
FLUSH_SECONDS = 20 + REQUESTS // 20

#: What users call a model by, what answers, and its origin.
MODELS = {
    "smart": ("openai/gpt-4o-mini", "row-proprietary"),
    "cheap": ("openrouter/qwen/qwen3-32b", "cn-open"),
    "open": ("together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", "row-open"),
}
PROMPTS = {
    "en": "Could you please explain in simple words how a quantum computer works?",
    "zh-Hans": "请用简单的话解释一下量子计算机是怎么工作的，谢谢。",
    "ru": "Объясните, пожалуйста, простыми словами, как работает квантовый компьютер.",
    "es": "¿Podrías explicarme con palabras sencillas cómo funciona un ordenador cuántico?",
}
KEY = f"sk-{secrets.token_hex(32)}"
ANSWER = "It works with entangled qubits."


def configuration(settings):
    """Return the proxy's configuration: mocked models, and some settings."""
    return {
        "model_list": [
            {
                "model_name": alias,
                "litellm_params": {"model": model, "api_key": "-", "mock_response": ANSWER},
            }
            for alias, (model, _) in MODELS.items()
        ],
        # Otherwise it asks a hub for the tokenizers of some, at each request.
        "litellm_settings": {"disable_hf_tokenizer_download": True} | settings,
    }


@pytest.fixture
def proxy(tmp_path):
    """Return a function that starts the proxy with some settings and returns its address."""
    if importlib.util.find_spec("litellm") is None or importlib.util.find_spec("fastapi") is None:
        if os.environ.get("CI"):
            pytest.fail("litellm[proxy] is not installed")
        pytest.skip("litellm[proxy] is not installed")
    started = []

    def start(settings, environment):
        port = free_port()
        # JSON is YAML.
        path = tmp_path / "proxy.yaml"
        path.write_text(json.dumps(configuration(settings)))
        log = (tmp_path / "proxy.log").open("wb")
        process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-c",
                    "from litellm.proxy.proxy_cli import run_server; run_server()",
                ),
                *("--config", str(path), "--host", "127.0.0.1", "--port", str(port)),
            ],
            env=os.environ
            | {
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_MASTER_KEY": KEY,
                "PYTHONPATH": str(Path.cwd()),
            }
            | environment,
            stdout=log,
            stderr=log,
            cwd=tmp_path,
        )
        started.append((process, log))
        url = f"http://127.0.0.1:{port}"

        def is_alive():
            assert process.poll() is None, (tmp_path / "proxy.log").read_text()[-3000:]
            return asyncio.run(_status(f"{url}/health/liveliness")) == 200

        wait_until(is_alive, "LiteLLM's proxy", 180)
        return url

    yield start
    for process, log in started:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()


async def _status(url):
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return None


async def ask(url):
    """Send the requests, half of them streamed; returns counts by (origin, language, what)."""
    truth = Counter()
    room = asyncio.Semaphore(AT_ONCE)

    async def one(session, number):
        alias = list(MODELS)[number % 3]
        language = list(PROMPTS)[number % 4]
        stream = number % 2 == 1
        body = {
            "model": alias,
            "messages": [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": PROMPTS[language]},
            ],
            "stream": stream,
        }
        if stream:
            body["stream_options"] = {"include_usage": True}
        async with room, session.post(f"{url}/v1/chat/completions", json=body) as answer:
            text = await answer.text()
            assert answer.status == 200, text
        pieces = [
            json.loads(line.removeprefix("data: "))
            for line in text.splitlines()
            if line.startswith("data: {")
        ] or [json.loads(text)]
        usage = next(piece["usage"] for piece in reversed(pieces) if piece.get("usage"))
        key = MODELS[alias][1], language
        truth[*key, "requests"] += 1
        truth[*key, "tokens"] += usage["prompt_tokens"] + usage["completion_tokens"]

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        await asyncio.gather(*(one(session, number) for number in range(REQUESTS)))
    return truth


def counted(worker):
    found = Counter()
    for point in worker.get("/api/v1/history?dimension=joint&step=1h")["points"]:
        for name, (tokens, requests, *_) in point["cells"].items():
            origin, language = name.split("/")
            found[origin, language, "requests"] += requests
            found[origin, language, "tokens"] += tokens
    return found


def assert_exact(worker, truth, bootstrap, topic):
    worker.wait_counted(REQUESTS, 90 + FLUSH_SECONDS)
    assert counted(worker) == truth
    worker.wait_records({"counted/": REQUESTS})
    for record in read_all(bootstrap, topic, REQUESTS):
        written = (record.key or b"") + (record.value or b"")
        for text in (*PROMPTS.values(), ANSWER, "entangled", "helpful assistant"):
            assert text.encode() not in written
            assert json.dumps(text).strip('"').encode() not in written


def test_a_proxy_with_the_callback_is_counted_exactly(bootstrap, make_worker, proxy):
    worker = make_worker().start().wait_ready()
    url = proxy(
        {"callbacks": "streams.gateway.litellm.handler"},
        {"TOKENSHARE_BOOTSTRAP_SERVERS": bootstrap, "TOKENSHARE_TOPIC": make_worker.topic},
    )
    truth = asyncio.run(ask(url))

    assert len({key[:2] for key in truth}) == 12
    assert_exact(worker, truth, bootstrap, make_worker.topic)


@pytest.fixture
def bridge(bootstrap, make_worker, tmp_path):
    """Return the URL of a bridge that writes to the worker's topic."""
    settings = {
        "TOKENSHARE_BOOTSTRAP_SERVERS": bootstrap,
        "TOKENSHARE_TOPIC": make_worker.topic,
        "TOKENSHARE_BRIDGE_TOKEN": KEY,
    }
    port = free_port()
    with (tmp_path / "bridge.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams", "bridge", "--port", str(port)],
            env=os.environ | settings,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: asyncio.run(_status(f"{url}/readyz")) == 200, "ready bridge")
        yield url
    finally:
        process.terminate()
        assert process.wait(15) == 0


def test_a_proxy_that_posts_to_the_bridge_is_counted_exactly(bootstrap, make_worker, proxy, bridge):
    worker = make_worker().start().wait_ready()
    proxied = proxy(
        {"callbacks": ["generic_api"]},
        {
            "GENERIC_LOGGER_ENDPOINT": bridge,
            "GENERIC_LOGGER_HEADERS": f"Authorization=Bearer {KEY}",
            # It loses what is logged while it posts: here it posts when all is asked.
            "DEFAULT_BATCH_SIZE": "100000",
            "DEFAULT_FLUSH_INTERVAL_SECONDS": str(FLUSH_SECONDS),
        },
    )
    truth = asyncio.run(ask(proxied))
    assert_exact(worker, truth, bootstrap, make_worker.topic)


@pytest.mark.parametrize("is_second", ["false", "true"], ids=["first", "second version"])
def test_a_proxy_that_traces_to_the_bridge_is_counted_exactly(
    bootstrap, make_worker, proxy, bridge, is_second
):
    worker = make_worker().start().wait_ready()
    proxied = proxy(
        {"callbacks": ["otel"]},
        {
            "LITELLM_OTEL_V2": is_second,
            # The first one writes prompts without being asked.
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
            "OTEL_EXPORTER": "otlp_http",
            "OTEL_ENDPOINT": f"{bridge}/v1/traces",
            "OTEL_HEADERS": f"Authorization=Bearer {KEY}",
        },
    )
    truth = asyncio.run(ask(proxied))
    assert_exact(worker, truth, bootstrap, make_worker.topic)
