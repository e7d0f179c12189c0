"""What the callback reads from LiteLLM's payload of a call, and that it counts each call once.

tests/kafka/test_litellm.py has it run by LiteLLM itself.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decode.event import UsageEvent
from streams.gateway.producer import UsageProducer

# Otherwise its import fetches prices.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")


@pytest.fixture(scope="module")
def litellm():
    """The real package, which takes seconds to import: only for tests that run."""
    try:
        return importlib.import_module("litellm")
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("litellm is not installed")


@pytest.fixture(scope="module")
def module(litellm):
    return importlib.import_module("streams.gateway.litellm")


class Sent(list):
    """Stands for a producer, and keeps what it is given."""

    def send(self, **event):
        self.append(event)
        return True


@pytest.fixture
def sent():
    return Sent()


@pytest.fixture
def callback(module, sent):
    return module.UsageCallback(sent)


def payload(**changes):
    """A payload as LiteLLM makes it, without what is of no interest here."""
    return {
        "id": "chatcmpl-1",
        "litellm_call_id": "call-1",
        "call_type": "acompletion",
        "status": "success",
        "cache_hit": None,
        "prompt_tokens": 812,
        "completion_tokens": 64,
        "total_tokens": 876,
        "startTime": 1_763_900_000.123,
        "response_cost": 0.000151234,
        "custom_llm_provider": "openrouter",
        "api_base": "https://openrouter.ai/api/v1",
        "model": "prod-1",
        "model_group": "our-alias",
        "metadata": {
            "user_api_key_team_id": "team-7",
            "user_api_key_team_alias": "Team Seven",
            "user_api_key_org_id": "org",
            "user_api_key_user_id": "user",
            "usage_object": {
                "prompt_tokens": 812,
                "prompt_tokens_details": {"cached_tokens": 700},
                "completion_tokens_details": {"reasoning_tokens": 32},
            },
            "requester_metadata": {},
        },
        "messages": [{"role": "user", "content": "Hello"}],
        "response": {"model": "qwen/qwen3-32b", "usage": {"prompt_tokens": 812}},
        "hidden_params": {"litellm_model_name": "openrouter/qwen3-32b"},
        "model_map_information": {"model_map_key": "qwen3-32b", "model_map_value": None},
    } | changes


def test_a_call_is_read_as_an_event(module):
    assert module._event_of(payload()) == {
        "model": "qwen/qwen3-32b",
        "prompt_tokens": 812,
        "completion_tokens": 64,
        "ts": 1_763_900_000.123,
        "language": None,
        "prompt": [{"role": "user", "content": "Hello"}],
        "tenant": "team-7",
        "id": "chatcmpl-1",
        "cached_tokens": 700,
        "reasoning_tokens": 32,
        "cost": 0.000151234,
        "provider": "openrouter@openrouter.ai",
    }


@pytest.mark.parametrize("hit", [True, "True", "true"], ids=repr)
def test_an_answer_from_the_cache_is_not_counted(module, hit):
    assert module._event_of(payload(cache_hit=hit)) is None


@pytest.mark.parametrize("hit", [False, None, "False", "None"], ids=repr)
def test_an_answer_that_is_not_from_the_cache_is_counted(module, hit):
    assert module._event_of(payload(cache_hit=hit)) is not None


NOTHING = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def test_a_failure_without_tokens_is_not_counted(module):
    assert module._event_of(payload(status="failure", **NOTHING)) is None


def test_a_failure_that_has_spent_tokens_is_counted(module):
    event = module._event_of(payload(status="failure", completion_tokens=0))
    assert (event["prompt_tokens"], event["completion_tokens"]) == (812, 0)


def test_a_tool_call_is_not_counted(module):
    assert module._event_of(payload(call_type="call_mcp_tool", **NOTHING)) is None


@pytest.mark.parametrize(
    ("changes", "model"),
    [
        ({}, "qwen/qwen3-32b"),
        ({"response": {"model": "our-alias"}}, "openrouter/qwen3-32b"),
        ({"response": "redacted-by-litellm"}, "openrouter/qwen3-32b"),
        ({"response": None, "hidden_params": None}, "qwen3-32b"),
        ({"response": None, "hidden_params": {"litellm_model_name": ""}}, "qwen3-32b"),
        ({"response": None, "hidden_params": None, "model_map_information": None}, "prod-1"),
    ],
    ids=["response", "alias in it", "redacted", "price list", "no name", "what was asked for"],
)
def test_the_model_is_the_one_that_answered_and_never_the_alias(module, changes, model):
    assert module._event_of(payload(**changes))["model"] == model


@pytest.mark.parametrize(
    ("usage", "split"),
    [
        ({"input_tokens": 30, "output_tokens": 12}, (30, 12)),
        ({"input_tokens": 42}, (42, 0)),
        ({}, (42, 0)),
        (None, (42, 0)),
    ],
    ids=str,
)
def test_a_lost_split_of_the_total_is_read_from_the_response(module, usage, split):
    event = module._event_of(
        payload(
            prompt_tokens=0,
            completion_tokens=0,
            total_tokens=42,
            response={"model": "m", "usage": usage},
        )
    )
    assert (event["prompt_tokens"], event["completion_tokens"]) == split


@pytest.mark.parametrize(
    ("metadata", "tenant"),
    [
        ({"user_api_key_team_id": "", "user_api_key_team_alias": "Team"}, "Team"),
        ({"user_api_key_team_id": None, "user_api_key_org_id": "org"}, "org"),
        ({"user_api_key_user_id": "user", "user_api_key_alias": "key"}, "user"),
        ({"user_api_key_alias": "key"}, "key"),
        ({}, None),
        (None, None),
    ],
    ids=str,
)
def test_the_tenant_is_the_largest_that_is_named(module, metadata, tenant):
    assert module._event_of(payload(metadata=metadata))["tenant"] == tenant


@pytest.mark.parametrize(
    "metadata",
    [
        {"language": "fr"},
        {"requester_metadata": {"language": "fr"}},
        {"requester_metadata": None, "spend_logs_metadata": {"language": "fr"}},
    ],
    ids=str,
)
def test_a_language_is_declared_in_the_metadata(module, metadata):
    assert module._event_of(payload(metadata=metadata))["language"] == "fr"


def test_a_language_is_declared_in_the_metadata_of_the_sdk(callback, sent):
    callback.log_success_event(
        kwargs={
            "standard_logging_object": payload(),
            "litellm_params": {"metadata": {"language": "fr"}},
        },
        response_obj=None,
        start_time=None,
        end_time=None,
    )
    assert [event["language"] for event in sent] == ["fr"]


@pytest.mark.parametrize(
    "messages",
    ["redacted-by-litellm", [{"role": "user", "content": "redacted-by-litellm"}], None, {}, ""],
    ids=repr,
)
def test_redacted_messages_have_no_language(module, messages):
    from streams.classify.language.detect import detect_messages
    from streams.gateway.call import excerpt_of

    prompt = module._event_of(payload(messages=messages))["prompt"]
    assert prompt is None or detect_messages(excerpt_of(prompt)).language == "und"


def hooks(callback, document):
    """Call all four hooks, as LiteLLM does."""
    given = {
        "kwargs": {"standard_logging_object": document},
        "response_obj": None,
        "start_time": None,
        "end_time": None,
    }
    callback.log_success_event(**given)
    asyncio.run(callback.async_log_success_event(**given))
    callback.log_failure_event(**given)
    asyncio.run(callback.async_log_failure_event(**given))


def test_a_call_that_several_hooks_tell_is_counted_once(callback, sent):
    hooks(callback, payload())
    assert len(sent) == 1


def test_a_call_reported_again_under_another_id_of_its_response_is_counted_once(callback, sent):
    hooks(callback, payload(id="resp_1"))
    hooks(callback, payload(id="resp_other"))
    assert len(sent) == 1


@pytest.mark.parametrize(
    "other",
    [{"litellm_call_id": "call-2"}, {"startTime": 1_763_900_001.0}],
    ids=["of another id", "of the id that a client gives all its calls"],
)
def test_another_call_is_counted_too(callback, sent, other):
    hooks(callback, payload())
    hooks(callback, payload(**other))
    assert len(sent) == 2


def test_a_failed_try_does_not_hide_the_one_that_was_answered(callback, sent):
    hooks(callback, payload(status="failure", **NOTHING))
    hooks(callback, payload())
    assert len(sent) == 1


def test_few_of_many_calls_are_remembered(module, callback, sent, monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED_CALLS", 100)
    for number in range(1000):
        for _ in range(2):
            callback._take({"standard_logging_object": payload(litellm_call_id=str(number))})
    assert len(sent) == 1000
    assert len(callback._calls) + len(callback._earlier_calls) <= 200


def test_calls_reported_by_several_threads_at_once_are_counted_once_each(callback, sent):
    def tell():
        for number in range(500):
            callback._take({"standard_logging_object": payload(litellm_call_id=str(number))})

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 500


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    changes=st.dictionaries(st.sampled_from(sorted(payload())), json_values)
    | st.dictionaries(st.sampled_from(["metadata", "response", "hidden_params"]), st.builds(object))
)
def test_whatever_a_payload_holds_nothing_is_raised(module, changes):
    sent = Sent()
    hooks(module.UsageCallback(sent), payload(**changes))
    assert len(sent) <= 1


@pytest.mark.parametrize(
    "kwargs",
    [None, {}, [], {"standard_logging_object": None}, {"standard_logging_object": "x"}],
    ids=repr,
)
def test_without_a_payload_nothing_is_raised(callback, sent, kwargs, caplog):
    callback.log_success_event(kwargs, None, None, None)
    asyncio.run(callback.async_log_failure_event(kwargs, None, None, None))
    assert sent == []


def test_a_producer_that_fails_is_not_a_failure_of_the_request(module, caplog):
    class Broken:
        def send(self, **event):
            raise RuntimeError(str(event))

    hooks(module.UsageCallback(Broken()), payload())
    [line] = [each.getMessage() for each in caplog.records]
    assert line == "a request of LiteLLM was not counted: RuntimeError"


def test_the_proxy_finds_the_handler_and_nothing_is_connected_by_that(module):
    from litellm.integrations.custom_logger import CustomLogger
    from litellm.proxy.types_utils.utils import get_instance_fn

    handler = get_instance_fn("streams.gateway.litellm.handler", config_file_path="config.yaml")
    assert handler is module.handler
    assert isinstance(handler, CustomLogger)
    assert handler._producer is None


def test_the_first_call_makes_a_producer_from_the_settings(module, monkeypatch):
    monkeypatch.setenv("TOKENSHARE_TOPIC", "from-the-environment")
    taken = []
    monkeypatch.setattr(UsageProducer, "_put", lambda producer, item: taken.append(item))
    callback = module.UsageCallback()
    hooks(callback, payload())
    hooks(callback, payload(litellm_call_id="call-2"))

    assert callback._producer._outlet._topic == "from-the-environment"
    assert [type(item.event) for item in taken] == [UsageEvent] * 2


def test_wrong_settings_are_logged_once_and_cost_no_request(module, monkeypatch, caplog):
    monkeypatch.setenv("TOKENSHARE_TOPIC", "not a topic")
    callback = module.UsageCallback()
    hooks(callback, payload())
    hooks(callback, payload(litellm_call_id="call-2"))

    [line] = [each.getMessage() for each in caplog.records]
    assert "TOKENSHARE_TOPIC" in line
