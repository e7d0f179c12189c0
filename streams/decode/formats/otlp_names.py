"""The attributes of spans and log events that say what a request used, by all known names.

Names of one list are alternatives, never summed: several emitters write two sets on one span.
Sources, emitter by emitter: `tests/formats/README.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATION: Final = "gen_ai.operation.name"
#: Operations that are one request to a model; the second line are LiteLLM's call types.
REQUESTS: Final = frozenset(
    (
        *("chat", "text_completion", "generate_content", "embeddings"),
        *("completion", "acompletion", "embedding", "aembedding", "atext_completion"),
        *("responses", "aresponses", "anthropic_messages", "agenerate_content"),
        *("generate_content_stream", "agenerate_content_stream"),
    )
)
EMBEDDINGS: Final = ("embeddings", "embedding", "aembedding")
#: LiteLLM's calls that read a stored response, or stop it: they repeat the usage of the call that
#: made it.
READING_CALLS: Final = ("get_responses", "aget_responses", "cancel_responses", "acancel_responses")
#: Operations whose spans hold the sum of the requests inside, or run no model.
NO_REQUESTS: Final = frozenset(
    (
        *("create_agent", "invoke_workflow", "execute_tool", "plan", "fetch_response"),
        *("count_tokens", "chain", "tool", "retriever", "retrieval", "prompt", "parser"),
        *("agent", "workflow", "task", "framework", "execute_event_loop_cycle"),
        *("orchestrate_tools", "search_memory", "handoff"),
        *("litellm.vector_store_management", "litellm.vector_store_file_management"),
        *(*READING_CALLS, "litellm.responses_management"),
    )
)
#: An agent elsewhere is asked by a client, and one in the same process is not.
INVOKE_AGENT: Final = "invoke_agent"
CLIENT: Final = frozenset((3, "SPAN_KIND_CLIENT", "CLIENT"))

#: The kind of a span where no operation says it: OpenInference, LangSmith, MLflow, Langfuse.
MLFLOW_KIND: Final = "mlflow.spanType"
KIND: Final = (
    *("openinference.span.kind", "langsmith.span.kind", MLFLOW_KIND),
    *("langfuse.observation.type", "traceloop.span.kind", "span.type", "gen_ai.span.kind"),
)
REQUEST_KINDS: Final = frozenset(
    ("LLM", "EMBEDDING", "CHAT_MODEL", "GENERATION", "COMPLETION", "LLM_REQUEST")
)
SUM_KINDS: Final = frozenset(
    (
        *("AGENT", "CHAIN", "TOOL", "WORKFLOW", "TASK", "RETRIEVER", "PARSER", "PROMPT"),
        *("SPAN", "EVENT", "INTERACTION", "MEMORY", "EVALUATOR", "GUARDRAIL", "STEP", "ENTRY"),
        *("EVAL", "SCORE", "FUNCTION"),
    )
)
#: The AI SDK's name of an operation: that of the parent has no step.
AI_OPERATION: Final = "ai.operationId"

INPUT: Final = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "llm.usage.prompt_tokens",
    "gen_ai.response.input_tokens",
    "gen_ai.response.prompt_tokens",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
    "braintrust.metrics.prompt_tokens",
)
OUTPUT: Final = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "llm.usage.completion_tokens",
    "gen_ai.response.output_tokens",
    "gen_ai.response.completion_tokens",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
    "braintrust.metrics.completion_tokens",
)
TOTAL: Final = (
    *("gen_ai.usage.total_tokens", "llm.token_count.total", "llm.usage.total_tokens"),
    "ai.usage.totalTokens",
)
#: The AI SDK's embeddings have no output.
EMBEDDED: Final = "ai.usage.tokens"
CACHE_READ: Final = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
    "ai.usage.cachedInputTokens",
)
#: The same, also where no reader takes it for a part of what a span reports as its input.
CACHED: Final = (
    *CACHE_READ,
    *("gen_ai.usage.input_tokens.cached", "gen_ai.usage.cached_tokens"),
    *("gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.details.cached_tokens"),
    "gen_ai.usage.details.cache_read_input_tokens",
    "gen_ai.usage.details.cached_content_tokens",
    *("llm.usage.cache_read_input_tokens", "ai.usage.inputTokenDetails.cacheReadTokens"),
    *("braintrust.metrics.prompt_cached_tokens", "cache_read_tokens"),
)
REASONING: Final = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.output_tokens.reasoning",
    "gen_ai.usage.completion_tokens_details.reasoning_tokens",
    "gen_ai.usage.details.reasoning_tokens",
    "gen_ai.usage.details.thinking_tokens",
    "gen_ai.usage.details.thoughts_tokens",
    "llm.token_count.completion_details.reasoning",
    "llm.usage.reasoning_tokens",
    "ai.usage.reasoningTokens",
    "ai.usage.outputTokenDetails.reasoningTokens",
    "braintrust.metrics.completion_reasoning_tokens",
)
#: Prices in dollars, those of gateways first: LiteLLM's, agentgateway's, OpenRouter's.
COST: Final = (
    "litellm.cost.total",
    "agw.ai.usage.cost.total",
    "gen_ai.usage.total_cost",
    "gen_ai.usage.cost",
    "gen_ai.usage.cost_usd",
    "gen_ai.cost.total_cost",
    "llm.cost.total",
    "llm.response.cost",
    "operation.cost",
    "cost_usd",
)
#: Written by LiteLLM where it knows a price.
LITELLM_BREAKDOWN: Final = "litellm.cost.input"
#: Prices as JSON in a text.
LANGFUSE_COST: Final = "langfuse.observation.cost_details"
MLFLOW_COST: Final = "mlflow.llm.cost"
CACHE_CREATION: Final = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.cache_write_input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "llm.token_count.prompt_details.cache_write",
    "ai.usage.inputTokenDetails.cacheWriteTokens",
)
#: Claude Code's own, beside which the cache lies.
BARE_INPUT: Final = "input_tokens"
BARE_OUTPUT: Final = "output_tokens"
BARE_CACHE: Final = ("cache_read_tokens", "cache_creation_tokens")
#: Usage as JSON in a text: Langfuse's SDK and MLflow.
LANGFUSE_USAGE: Final = "langfuse.observation.usage_details"
MLFLOW_USAGE: Final = "mlflow.chat.tokenUsage"
MLFLOW_PROVIDER: Final = "mlflow.llm.provider"
#: The messages' shape: Claude Code's requests name no provider.
MLFLOW_SHAPE: Final = "mlflow.message.format"
#: Written from 3.13 on.
MLFLOW_LEVEL: Final = "mlflow.spanLogLevel"
#: The answer as JSON in a text, for requests whose usage MLflow does not read itself.
MLFLOW_ANSWER: Final = "mlflow.spanOutputs"

#: What the AI SDK's provider adds to an answer, as JSON in a text: its own usage.
AI_PROVIDER: Final = "ai.response.providerMetadata"
#: Braintrust's kind, counts and model, each as JSON in a text.
BRAINTRUST_KIND: Final = "braintrust.span_attributes"
BRAINTRUST_USAGE: Final = "braintrust.metrics"
BRAINTRUST_MODEL: Final = "braintrust.metadata"
#: What Logfire has of a request and its answer, as JSON in texts.
LOGFIRE_ASKED: Final = "request_data"
LOGFIRE_ANSWER: Final = "response_data"

ASKED_MODEL: Final = "gen_ai.request.model"
#: LiteLLM: the model that it has sent a request to, the alias that was asked for, and both in JSON.
LITELLM_MODEL: Final = "litellm.provider.model"
LITELLM_ALIAS: Final = "litellm.model_group"
LITELLM_HIDDEN: Final = "hidden_params"
MODEL: Final = (
    "gen_ai.response.model",
    "ai.response.model",
    ASKED_MODEL,
    "llm.response.model",
    "llm.model_name",
    "embedding.model_name",
    "langfuse.observation.model.name",
    "mlflow.llm.model",
    "ai.model.id",
    "llm.request.model",
    "gen_ai.model_name",
    "model",
)
#: Micrometer's word for a value that it does not know, so that of no model.
UNKNOWN_MODEL: Final = "none"
PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.system", "llm.provider")
#: Who served, where several are named: of OpenInference the cloud, not the product.
SERVED: Final = (*PROVIDER[:2], "llm.provider", "llm.system", MLFLOW_PROVIDER, "ai.model.provider")
#: Who served a request of OpenRouter's: its `gen_ai.provider.name` is who made the model.
OPENROUTER_PROVIDER: Final = "trace.metadata.openrouter.provider_name"
#: The host that was called, and the region of a cloud, both of the request and not of the emitter.
PLACE: Final = ("server.address", "gen_ai.openai.api_base")
REGION: Final = ("cloud.region", "aws.region", "gcp.client.location")
#: The provider that Strands' and AgentCore's spans name.
STRANDS: Final = "strands-agents"
#: Scopes of instrumentation that reports Anthropic's usage unchanged, the cache beside the input.
CACHE_BESIDE: Final = (
    "openinference.instrumentation.claude_agent_sdk",
    "openinference.instrumentation.claude_code",
    "@arizeai/openinference-instrumentation-claude-agent-sdk",
    "mlflow.anthropic",
    "mlflow.claude_code",
    "@arizeai/openinference-instrumentation-bedrock",
    "opentelemetry.instrumentation.bedrock",
    *("openlit.instrumentation.anthropic", "openlit.instrumentation.bedrock"),
    *("@openlit/instrumentation-anthropic", "@openlit/instrumentation-bedrock"),
)
#: Scopes that report a provider's own input: Spring's, and OpenLLMetry's of LlamaIndex.
CACHE_BESIDE_OF_CLAUDE: Final = (
    "org.springframework",
    "opentelemetry.instrumentation.llamaindex",
)
#: Scopes that report Gemini's candidates as the output, and the thoughts beside it.
THOUGHTS_BESIDE: Final = (
    "openlit.instrumentation.google_ai_studio",
    "openlit.instrumentation.google_adk",
    "@openlit/instrumentation-google-ai",
)
#: All scopes whose names say what their counts are.
USAGE_BY_SCOPE: Final = (*CACHE_BESIDE, *CACHE_BESIDE_OF_CLAUDE, *THOUGHTS_BESIDE)
#: Scopes whose agents' spans are the only ones with usage.
ONLY_AGENTS: Final = CACHE_BESIDE[:3]

TENANT: Final = (
    "tenant.id",
    "tenant",
    "metadata.user_api_key_team_id",
    "litellm.team.id",
    "enduser.id",
    "organization.id",
    "langfuse.user.id",
    "user.id",
)
LANGUAGE: Final = ("gen_ai.prompt.language", "tokenshare.language", "language")
TEXT: Final = (
    "gen_ai.input.messages",
    "gen_ai.prompt_json",
    "gen_ai.prompt",
    "gen_ai.prompt.0.content",
    "llm.input_messages.0.message.content",
    "langfuse.observation.input",
    "mlflow.spanInputs",
    "ai.prompt.messages",
    "input.value",
)
#: Texts, and JSON that may hold some: what a Collector on the way drops.
MAY_HOLD_TEXTS: Final = (
    *(*TEXT, MLFLOW_ANSWER, LITELLM_HIDDEN, AI_PROVIDER, LOGFIRE_ASKED, LOGFIRE_ANSWER),
)
#: Usage as JSON in texts, in which parts may be.
DETAILED: Final = frozenset(
    (
        *(LANGFUSE_USAGE, MLFLOW_USAGE, BRAINTRUST_USAGE, AI_PROVIDER),
        *(MLFLOW_ANSWER, LOGFIRE_ANSWER),
    )
)
ERROR: Final = "error.type"
#: The id of a request to Anthropic, which Claude Code's span and its log event share.
REQUEST_ID: Final = "request_id"
#: The provider's id of an answer, which the spans of several instrumentations share.
ANSWER_ID: Final = "gen_ai.response.id"

#: All attributes of a span that are read. Each name leads to one text, which compares fast.
WANTED: Final[Mapping[str, str]] = {
    name: name
    for name in (
        *(OPERATION, AI_OPERATION, EMBEDDED, BARE_INPUT, BARE_OUTPUT, ERROR, REQUEST_ID),
        *(ANSWER_ID, LANGFUSE_USAGE, MLFLOW_USAGE, MLFLOW_PROVIDER),
        *(LITELLM_MODEL, LITELLM_ALIAS, LITELLM_HIDDEN),
        *(MLFLOW_SHAPE, MLFLOW_LEVEL, MLFLOW_ANSWER, AI_PROVIDER),
        *(BRAINTRUST_KIND, BRAINTRUST_USAGE, BRAINTRUST_MODEL, LOGFIRE_ASKED, LOGFIRE_ANSWER),
        *(*KIND, *INPUT, *OUTPUT, *TOTAL, *CACHE_READ, *CACHE_CREATION, *BARE_CACHE),
        *(*MODEL, *PROVIDER, *TENANT, *LANGUAGE, *TEXT),
        *(*CACHED, *REASONING, *COST, *SERVED, *PLACE, *REGION, OPENROUTER_PROVIDER),
        *(LITELLM_BREAKDOWN, LANGFUSE_COST, MLFLOW_COST),
    )
}

#: Attributes without which a request may be counted wrong. A prompt only says the language.
NEEDED: Final = frozenset(WANTED) - {
    *(*TEXT, ERROR, *COST, LITELLM_BREAKDOWN, LANGFUSE_COST, MLFLOW_COST),
    *(*PLACE, *REGION, OPENROUTER_PROVIDER, "ai.model.provider"),
}
#: Values that no other span repeats.
UNIQUE: Final = frozenset((ANSWER_ID, *COST, LITELLM_BREAKDOWN, LANGFUSE_COST, MLFLOW_COST))


class Present(NamedTuple):
    """The names of each kind that a span's attributes have, in the order of preference."""

    model: tuple[str, ...]
    prompt: tuple[str, ...]
    completion: tuple[str, ...]
    cache_read: tuple[str, ...]
    cache_creation: tuple[str, ...]
    total: tuple[str, ...]
    kind: tuple[str, ...]
    provider: tuple[str, ...]
    tenant: tuple[str, ...]
    language: tuple[str, ...]
    text: tuple[str, ...]
    cached: tuple[str, ...]
    reasoning: tuple[str, ...]
    cost: tuple[str, ...]
    served: tuple[str, ...]
    place: tuple[str, ...]
    region: tuple[str, ...]


_KINDS: Final = (
    *(MODEL, INPUT, OUTPUT, CACHE_READ, CACHE_CREATION, TOTAL),
    *(KIND, PROVIDER, TENANT, LANGUAGE, TEXT),
    *(CACHED, REASONING, COST, SERVED, PLACE, REGION),
)
#: Different sets of names that are remembered: an emitter has a handful.
_MAX_KNOWN: Final = 1024
_known: Final[dict[tuple[str, ...], Present]] = {}


def present(attributes: Mapping[str, object]) -> Present:
    """Return which names the attributes have; the spans of one emitter have the same ones."""
    keys = tuple(attributes)
    found = _known.get(keys)
    if found is None:
        found = Present(*(tuple(key for key in kind if key in attributes) for kind in _KINDS))
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[keys] = found
    return found
