"""LiteLLM: it reads the configurations itself, and what its callbacks send is counted."""

from __future__ import annotations

import asyncio
import importlib
import os
import re

import pytest
from aiohttp import web
from gateway_files import BRIDGE, GATEWAYS, configuration, documents, sample

from streams.decode.decoder import Decoder
from streams.decode.formats.native import encode
from streams.decode.options import Options
from streams.gateway.bridge.http import POSTS

# Otherwise LiteLLM's import fetches prices.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

CALLBACK = GATEWAYS / "litellm" / "callback.yaml"
GENERIC = GATEWAYS / "litellm" / "generic-api.yaml"
AUTHORIZATION = "Bearer of-the-bridge"


@pytest.fixture(scope="module")
def proxy():
    """The module of LiteLLM's proxy, which takes its time to import."""
    try:
        return importlib.import_module("litellm.proxy.proxy_server")
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("litellm[proxy] is not installed")


@pytest.fixture
def litellm(proxy, monkeypatch):
    """LiteLLM without callbacks, as it is again afterwards."""
    module = importlib.import_module("litellm")
    monkeypatch.setenv("BRIDGE_AUTHORIZATION", AUTHORIZATION)
    monkeypatch.setattr(module, "callbacks", [])
    monkeypatch.setattr(module, "callback_settings", {})
    manager = importlib.import_module("litellm.litellm_core_utils.logging_callback_manager")
    monkeypatch.setattr(manager, "_generic_api_logger_cache", {})
    return module


async def loaded(proxy, litellm, path):
    """Return a configuration as the proxy reads it, with its callbacks made."""
    utils = importlib.import_module("litellm.proxy.common_utils.callback_utils")
    read = await proxy.ProxyConfig().get_config(config_file_path=str(path))
    litellm.callback_settings = read.get("callback_settings") or {}
    utils.initialize_callbacks_on_proxy(
        value=read["litellm_settings"]["callbacks"],
        premium_user=False,
        config_file_path=str(path),
        litellm_settings=read["litellm_settings"],
        callback_specific_params=read.get("callback_settings"),
    )
    return read


class Sent(list):
    """Stands for a producer, and keeps what it is given."""

    def send(self, **event):
        self.append(event)
        return True


@pytest.mark.slow
def test_litellm_finds_the_callback(proxy, litellm):
    ours = importlib.import_module("streams.gateway.litellm")
    asyncio.run(loaded(proxy, litellm, CALLBACK))

    assert litellm.callbacks == [ours.handler]


@pytest.mark.slow
def test_the_callback_writes_an_event_that_is_counted(proxy):
    ours = importlib.import_module("streams.gateway.litellm")
    sent = Sent()
    (payload,) = sample("litellm")
    ours.UsageCallback(sent).log_success_event({"standard_logging_object": payload})
    (event,) = sent
    plain = importlib.import_module("streams.decode.event").UsageEvent(
        **{name: value for name, value in event.items() if name != "prompt"}
    )
    decoded = Decoder(Options()).decode(encode(plain))

    assert decoded.format == "native"
    assert decoded.events == (plain,)
    assert (plain.model, plain.prompt_tokens, plain.completion_tokens, plain.language) == (
        *("gpt-4o-mini-2024-07-18", 812, 64, "fr"),
    )


@pytest.mark.slow
def test_litellm_has_every_setting_of_its_generic_callback(proxy, litellm):
    written = configuration("litellm", "generic-api.yaml")["callback_settings"]["tokenshare"]

    async def made():
        await loaded(proxy, litellm, GENERIC)
        (logger,) = litellm.callbacks
        return logger

    logger = asyncio.run(made())

    assert type(logger).__name__ == "GenericAPILogger"
    assert written.pop("callback_type") == "generic_api"
    assert logger.headers["Authorization"] == AUTHORIZATION
    written.pop("headers")
    assert {name: getattr(logger, name) for name in written} == written


@pytest.mark.slow
def test_what_litellms_generic_callback_posts_is_counted(proxy, litellm, monkeypatch):
    posted = []

    async def take(request):
        posted.append((request.path, request.headers["Authorization"], await request.read()))
        return web.json_response({}, status=202)

    async def post():
        application = web.Application()
        application.router.add_post("/v1/events", take)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            await loaded(proxy, litellm, GENERIC)
            (logger,) = litellm.callbacks
            host, port = runner.addresses[0]
            logger.endpoint = logger.endpoint.replace(BRIDGE, f"http://{host}:{port}")
            for payload in sample("litellm") * 2:
                kwargs = {"standard_logging_object": payload}
                await logger.async_log_success_event(kwargs, None, None, None)
            await logger.flush_queue()
        finally:
            await runner.cleanup()

    asyncio.run(post())
    ((path, authorization, body),) = posted
    decoded = Decoder(Options()).decode(body)

    assert path in POSTS
    assert authorization == AUTHORIZATION
    assert decoded.format == "litellm"
    assert [each.prompt_tokens for each in decoded.events] == [812, 812]


@pytest.mark.slow
def test_litellm_has_what_else_is_said_of_it(proxy):
    litellm = importlib.import_module("litellm")
    constants = importlib.import_module("litellm.constants")
    text = GENERIC.read_text() + (GENERIC.parent / "README.md").read_text()
    variables = set(re.findall(r"(DEFAULT_[A-Z_]+)=", text))

    assert variables == {"DEFAULT_BATCH_SIZE", "DEFAULT_FLUSH_INTERVAL_SECONDS"}
    assert all(hasattr(constants, name) for name in variables)
    assert hasattr(litellm, "turn_off_message_logging")


@pytest.mark.parametrize("path", [CALLBACK, GENERIC], ids=lambda path: path.stem)
def test_litellm_redacts_only_where_it_is_set_to(path):
    (document,) = documents(path)

    assert document["litellm_settings"].keys() == {"callbacks"}
    assert "# turn_off_message_logging: true" in path.read_text()
