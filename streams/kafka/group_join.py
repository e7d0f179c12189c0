"""Ask Kafka whether a worker may join its group, without joining it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from aiokafka import errors
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.protocol.group import JoinGroupRequest, LeaveGroupRequest

from streams.kafka import aio_login

if TYPE_CHECKING:
    from streams.settings import Settings

#: The name of the assignor of a worker, and the type of its protocol.
PROTOCOL, _PROTOCOL_TYPE = "faust", "consumer"
#: No broker gives out such an id: Kafka checks the request, then says that it does not know it.
_NO_MEMBER = "tokenshare-doctor"
_GROUP_MAX_SIZE_REACHED = 81
_REQUEST_TIMEOUT_MS = 5_000
_TRIES, _PAUSE_SECONDS = 10, 0.2
#: What a broker answers to a member that it would take.
_ACCEPTED = (errors.NoError, errors.UnknownMemberIdError)


class GroupFullError(errors.BrokerResponseError):  # type: ignore[misc]
    """The group has as many members as the broker allows; aiokafka does not know this error."""

    errno = _GROUP_MAX_SIZE_REACHED
    message = "GROUP_MAX_SIZE_REACHED"


class JoinRefusedError(Exception):
    """Kafka refuses this worker as a member for good; the message gives the remedy."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why Kafka refuses a member, and the remedy; `is_final` where it lasts until that is done."""

    problem: str
    remedy: str
    is_final: bool = False


def explained(error: errors.KafkaError, settings: Settings) -> Refusal:
    """Return what an error of a join means to the user."""
    match error:
        case errors.InvalidSessionTimeoutError():
            return Refusal(
                f"does not take a session timeout of {settings.session_timeout_seconds:g} s",
                "Set TOKENSHARE_SESSION_TIMEOUT_SECONDS within the broker's "
                "group.min.session.timeout.ms and group.max.session.timeout.ms (by default 6 s and "
                "30 min).",
                is_final=True,
            )
        case errors.InvalidGroupIdError():
            return Refusal("has an invalid name", "Set TOKENSHARE_GROUP.", is_final=True)
        case errors.GroupAuthorizationFailedError():
            return Refusal(
                "no right to Read", "Allow Read on the group to this login.", is_final=True
            )
        case errors.InconsistentGroupProtocolError():
            return Refusal(
                "has members of another program",
                "Stop them, or set TOKENSHARE_GROUP to a name that only these workers use.",
            )
        case GroupFullError():
            return _full("has as many members as Kafka allows")
        case _ if "UnknownError" in str(error):
            return _full("refuses the member with an error unknown here")
        case _:
            return Refusal(f"refuses the member: {error}", "See the broker's log.")


def _full(problem: str) -> Refusal:
    return Refusal(problem, "Stop a worker, or increase the broker's group.max.size.")


async def refusal(settings: Settings) -> Refusal | None:
    """Return why Kafka would refuse a worker as a member; None if not, or if it does not say.

    Sends a join of a member that does not exist: the group does not change.
    """
    client = AIOKafkaClient(
        bootstrap_servers=list(settings.bootstrap_servers),
        client_id="tokenshare-admin",
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        **aio_login.arguments(settings),
    )
    error: errors.KafkaError | None = None
    try:
        await client.bootstrap()
        for _ in range(_TRIES):
            error = await _answer(client, settings)
            if not error.retriable:
                break
            # The first group of a cluster has no coordinator for some moments.
            await asyncio.sleep(_PAUSE_SECONDS)
    except (errors.KafkaError, OSError):
        return None
    finally:
        await client.close()
    if error is None or error.retriable or isinstance(error, _ACCEPTED):
        return None
    return explained(error, settings)


async def _answer(client: AIOKafkaClient, settings: Settings) -> errors.KafkaError:
    """Return what Kafka answers to the join. Raises KafkaError where it cannot be asked."""
    try:
        node = await client.coordinator_lookup(CoordinationType.GROUP, settings.group)
    except (
        errors.GroupAuthorizationFailedError,
        errors.GroupCoordinatorNotAvailableError,
    ) as error:
        return error
    if not await client.ready(node, group=ConnectionGroup.COORDINATION):
        raise errors.KafkaConnectionError("the group's coordinator does not answer")
    request = JoinGroupRequest(
        settings.group,
        round(settings.session_timeout_seconds * 1000),
        round(settings.rebalance_timeout_seconds * 1000),
        _NO_MEMBER,
        None,
        _PROTOCOL_TYPE,
        [(PROTOCOL, b"")],
    )
    answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
    if answer.error_code == errors.NoError.errno:
        # The embedded broker takes any member.
        leave = LeaveGroupRequest(settings.group, answer.member_id)
        await client.send(node, leave, group=ConnectionGroup.COORDINATION)
    if answer.error_code == _GROUP_MAX_SIZE_REACHED:
        return GroupFullError()
    return cast("errors.KafkaError", errors.for_code(answer.error_code)())
