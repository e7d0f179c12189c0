"""Which spans are requests to a model, and which are the sum of the ones inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.decode.event import MAX_CHARACTERS, MAX_TOKENS, Rejected, Skipped, UsageEvent
from streams.decode.formats import otlp_names as names
from streams.decode.formats.otlp_details import Details, details_of
from streams.decode.formats.otlp_model import model_of
from streams.decode.formats.otlp_usage import NONE, first, json_object, unquoted, usage
from streams.decode.formats.raw_usage import Found, Item, part, whole
from streams.decode.formats.traced import Traced
from streams.decode.nesting import NO_USAGE, Node
from streams.decode.unread_usage import unread

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A sum, or what runs no model, as the span says itself.
_NOT_A_REQUEST: Final = Skipped("not_a_request", is_final=True)
#: Spans of anything, and requests, in which no known name has counts.
_NOTHING: Final = Skipped("not_a_request")
_WITHOUT_USAGE: Final = Skipped("no_usage")
#: A request in which a name or a count is no text.
NOT_UTF8: Final = Rejected("not_utf8", "a text that is needed is not UTF-8")
_MAX_TIME: Final = 2**63
#: The status code of a failed span.
FAILED: Final = frozenset((2, "STATUS_CODE_ERROR", "ERROR"))


class Source(NamedTuple):
    """Who wrote a span: its instrumentation scope, and all names that a setting may leave out.

    `is_beside` if the scope reports a cache beside the input, `is_beside_of_claude` if it does on
    Anthropic, `thinks_beside` if it reports reasoning beside the output. `shown` is the name of
    the scope, or of the service, for those who look for the writer.
    """

    scope: str = ""
    names: frozenset[str] = frozenset()
    is_beside: bool = False
    is_beside_of_claude: bool = False
    shown: str = ""
    thinks_beside: bool = False

    @classmethod
    def of(cls, scope: object, service: object) -> Source:
        """Return a source from the names of its scope and service, of any type."""
        found = frozenset(each for each in (scope, service) if type(each) is str and each)
        name = scope if type(scope) is str else ""
        shown = name or (service if type(service) is str else "")
        return cls(
            name,
            found,
            name.startswith(names.CACHE_BESIDE),
            name.startswith(names.CACHE_BESIDE_OF_CLAUDE),
            shown,
            name.startswith(names.THOUGHTS_BESIDE),
        )


class Span(NamedTuple):
    """The required fields of a span, from any encoding; only the attributes that are wanted.

    `unread` are all attributes in the encoding that they came in; `may_count` if one that is not
    wanted may be a count by its name. `events` is what holds the span's events, in their encoding.
    `is_broken` if an attribute that is needed is not UTF-8.
    """

    trace: str
    id: str
    parent: str
    kind: object
    start: object
    end: object
    failed: bool
    attributes: Mapping[str, object]
    unread: Any = ()
    may_count: bool = True
    events: Any = None
    is_broken: bool = False


def traced(span: Span, source: Source) -> Traced:
    """Return what a span is.

    Ids of zeros are none: https://opentelemetry.io/docs/specs/otel/trace/api/#spancontext.
    """
    if not (span.id.strip("0") and span.trace.strip("0")):
        return Traced(_item(span, source, None, whole(span.start))[0], None, source.names)
    start, end = whole(span.start), whole(span.end)
    key = f"{span.trace}/{span.id}"
    parent = f"{span.trace}/{span.parent}" if span.parent else None
    item, is_sum = _item(span, source, key, start)
    if type(item) is Skipped:
        return Traced(item, Node(key, parent), source.names)
    answer = None if is_sum else span.attributes.get(names.ANSWER_ID)
    # What is still to be judged counts nothing yet.
    prompt = completion = NO_USAGE
    if isinstance(item, UsageEvent):
        prompt, completion = item.prompt_tokens, item.completion_tokens
    node = Node(
        key,
        parent,
        start if type(start) is int else 0,
        end if type(end) is int else 0,
        is_sum,
        prompt,
        completion,
        answer if type(answer) is str and answer else None,
        source.scope,
    )
    request = span.attributes.get(names.REQUEST_ID)
    if type(request) is str and request:
        return Traced(item, node, source.names, Node(request, key))
    return Traced(item, node, source.names)


def of_event(
    span: Span, number: int, time: object, attributes: Mapping[str, object], source: Source
) -> Traced | None:
    """Return the request that an event of a span reports, None where it reports none.

    It lies inside its span, of which it has what it does not say itself.
    """
    own = {name: value for name, value in attributes.items() if name in names.WANTED}
    if usage(own, names.present(own), source) == NONE:
        return None
    found = traced(
        span._replace(
            id=f"{span.id}/{number}",
            parent=span.id,
            start=whole(time) or span.start,
            attributes={**span.attributes, **own},
        ),
        source,
    )
    return None if type(found.item) is Skipped and not found.item.is_final else found


def looked_into(traced: Traced, attributes: Mapping[str, object], source: Source) -> Traced:
    """Return what a span is, some of whose attributes may hold counts under unknown names."""
    item = traced.item
    if type(item) is not Skipped or item.is_final:
        return traced
    return traced._replace(item=unread(attributes, item.reason, source.shown))


def _item(
    span: Span, source: Source, key: str | None, start: object
) -> tuple[Item | UsageEvent, bool]:
    """Return a span's item, and whether it may be the sum of the ones inside it."""
    attributes = span.attributes
    if not attributes:
        return _NOTHING, False
    has = names.present(attributes)
    operation = _plain(attributes.get(names.OPERATION))
    if operation in names.REQUESTS:
        is_request = True
    elif operation in names.NO_REQUESTS:
        return _NOT_A_REQUEST, False
    else:
        kind = _kind(attributes, has)
        if _is_sum(span, source.scope, operation, kind):
            return _NOT_A_REQUEST, False
        is_request = kind in names.REQUEST_KINDS
    prompt, completion = usage(attributes, has, source)
    if prompt is None and completion is None:
        return _WITHOUT_USAGE if is_request else _NOTHING, False
    model = model_of(attributes, has)
    if model is None and not is_request:
        # A sum that names no model.
        return _NOTHING, False
    start = start or None
    language = first(attributes, has.language) if has.language else None
    tenant = first(attributes, has.tenant) if has.tenant else None
    text = first(attributes, has.text) if has.text else None
    failed = span.failed or attributes.get(names.ERROR) is not None
    details = details_of(attributes, has, source, span.kind)
    if text is None and not failed:
        event = _event(model, prompt, completion, start, language, tenant, key, details)
        if event is not None:
            return event, not is_request
    found = Found(
        *(model, prompt, completion, start, language, tenant, key, text, failed), None, *details
    )
    return found, not is_request


def _event(  # noqa: PLR0917 - once a span
    model: object,
    prompt: object,
    completion: object,
    start: object,
    language: object,
    tenant: object,
    key: str | None,
    details: Details,
) -> UsageEvent | None:
    """Return the event of a span that has nothing unusual, None for all others.

    Most spans are such ones: to judge every field takes longer than to read them.
    """
    if (
        type(model) is str
        and type(prompt) is int
        and type(completion) is int
        and type(start) is int
        and 0 <= prompt <= MAX_TOKENS
        and 0 <= completion <= MAX_TOKENS
        and len(model) <= MAX_CHARACTERS
        and model.strip()
        and (language is None or (type(language) is str and len(language) <= MAX_CHARACTERS))
        and (tenant is None or (type(tenant) is str and len(tenant) <= MAX_CHARACTERS))
        and abs(start) < _MAX_TIME
        and (key is None or len(key) <= MAX_CHARACTERS)
    ):
        return UsageEvent(model, prompt, completion, float(start), language, tenant, key, *details)
    return None


def _plain(value: object) -> object:
    """Return a text; anything else names no operation."""
    return value if type(value) is str else None


def _kind(attributes: Mapping[str, object], has: names.Present) -> str:
    kind = unquoted(first(attributes, has.kind))
    if kind is None and names.BRAINTRUST_KIND in attributes:
        kind = part(json_object(attributes[names.BRAINTRUST_KIND]), "type")
    return kind.upper() if type(kind) is str else ""


def _is_sum(span: Span, scope: str, operation: object, kind: str) -> bool:
    """Return whether a span without a request's operation holds a sum by what it says itself."""
    if operation == names.INVOKE_AGENT:
        return span.kind not in names.CLIENT
    if kind in names.SUM_KINDS:
        return not scope.startswith(names.ONLY_AGENTS)
    step = span.attributes.get(names.AI_OPERATION)
    return type(step) is str and step.startswith("ai.") and ".do" not in step
