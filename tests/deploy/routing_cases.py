"""Alerts that fire together, and which of them notify: the cases of test_routing.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from test_alerts import ALERTS


def shift(
    tier: str = "Day",
    direction: str = "up",
    key: str = "cn-open",
    dimension: str = "origin",
    measure: str = "tokens",
    gateway: str = "",
) -> dict[str, str]:
    return {
        "alertname": f"LLMShareShift{tier}",
        "direction": direction,
        "key": key,
        "dimension": dimension,
        "measure": measure,
        "window": {"Day": "24h", "Hour": "1h"}[tier],
        "severity": {"Day": "ticket", "Hour": "warning"}[tier],
        "gateway": gateway,
    }


def drift(direction: str = "up", key: str = "cn-open", measure: str = "tokens") -> dict[str, str]:
    labels = shift("Day", direction, key, measure=measure)
    return labels | {"alertname": "LLMShareDrift", "window": "7d"}


MADE_BY = {"developer": "Tencent", "origin": "cn-open"}


def event(name: str, dimension: str = "model", **labels: str) -> dict[str, str]:
    """Return the labels of an alert on a model or a developer."""
    return {
        "alertname": name,
        "dimension": dimension,
        "key": "hy3" if dimension == "model" else "Tencent",
        "measure": "tokens",
        "window": "24h",
        "severity": "ticket",
        "direction": "down" if name == "LLMModelGone" else "up",
        "gateway": "",
        **MADE_BY,
        **labels,
    }


def other(name: str, **labels: str) -> dict[str, str]:
    """Return another alert's labels; its severity is that of the rule."""
    (severity,) = {rule["labels"]["severity"] for rule in ALERTS if rule["alert"] == name}
    return {"alertname": name, "severity": severity, "gateway": "", **labels}


@dataclass
class Case:
    """Alerts that fire together, and which of them notify. Each case has gateways of its own."""

    notify: list[dict[str, str]]
    muted: list[dict[str, str]] = field(default_factory=list)


UNCLASSIFIED = other(
    "LLMShareUnclassified", dimension="origin", key="unknown", measure="requests", window="1h"
)
CASES = {
    "a riser mutes the fallers that make room for it": Case(
        [shift()],
        [
            shift(direction="down", key="row-open"),
            shift("Hour", "down", key="row-open"),
            shift(direction="down", key="row-proprietary", measure="requests"),
        ],
    ),
    "a riser mutes no faller of another dimension": Case(
        [shift(), shift(direction="down", key="ru", dimension="language")]
    ),
    "a riser mutes no faller of another gateway": Case(
        [shift(gateway="-eu"), shift(direction="down", key="row-open", gateway="-us")]
    ),
    "a riser mutes no other riser": Case([shift(), shift(key="cn-proprietary")]),
    "fallers alone notify": Case(
        [shift(direction="down", key="row-open"), shift(direction="down", key="cn-open")]
    ),
    "the hour tier mutes the day tier of the same key": Case([shift("Hour")], [shift("Day")]),
    "the hour tier mutes no day tier of another key": Case(
        [shift("Hour"), shift("Day", key="cn-proprietary")]
    ),
    "tokens mute requests of the same key": Case([shift()], [shift(measure="requests")]),
    "tokens mute cost of the same key": Case([shift()], [shift(measure="cost")]),
    "tokens mute no cost of another key": Case([shift(), shift(measure="cost", key="row-open")]),
    "a drift of tokens mutes that of cost": Case([drift()], [drift(measure="cost")]),
    "cost and requests of a key are told together": Case(
        [shift(measure="requests"), shift(measure="cost")]
    ),
    "tokens of the hour mute requests of the day": Case(
        [shift("Hour")], [shift("Day"), shift("Day", measure="requests")]
    ),
    "tokens mute no requests of another key": Case(
        [shift(), shift(measure="requests", key="cn-proprietary")]
    ),
    "the hour tier mutes no day tier of the same key in another dimension": Case(
        [shift("Hour", key="other", dimension="language"), shift("Day", key="other")]
    ),
    "a shift of tokens over the day and of requests over the hour notifies once": Case(
        [shift("Day")], [shift("Hour", measure="requests")]
    ),
    "a share that is up over the day and down over the hour notifies once": Case(
        [shift("Day")], [shift("Hour", "down")]
    ),
    "tokens mute no requests of the same key in another dimension": Case(
        [
            shift(key="other", dimension="language"),
            shift(key="other", measure="requests"),
        ]
    ),
    "more requests with fewer tokens notify once": Case(
        [shift(measure="requests")], [shift(direction="down")]
    ),
    "a model that the catalogue lacks notifies as unclassified only": Case(
        [UNCLASSIFIED],
        [
            shift("Hour", key="unknown"),
            shift("Hour", key="unknown", measure="requests"),
            shift("Day", key="unknown"),
            shift("Hour", "down", key="row-proprietary"),
        ],
    ),
    "what the day has told is not told again as a drift": Case([shift()], [drift()]),
    "what the day has told of requests is not told again as a drift of tokens": Case(
        [shift(measure="requests")], [drift()]
    ),
    "a drift mutes no shift of another share": Case([drift(), shift(direction="down", key="ru")]),
    "a drift up mutes those down and its own requests": Case(
        [drift()], [drift("down", key="row-open"), drift(measure="requests")]
    ),
    "a launch of a model mutes its developer and its origin": Case(
        [event("LLMModelNew")],
        [
            event("LLMModelDoubled"),
            event("LLMModelNew", "developer"),
            event("LLMShareShiftDeveloper", "developer"),
            shift() | {"origin": "cn-open"},
        ],
    ),
    "a launch mutes no other developer, no other origin and no fall": Case(
        [
            event("LLMModelNew"),
            event("LLMShareShiftDeveloper", "developer", developer="Z.ai", key="Z.ai"),
            shift(key="row-open") | {"origin": "row-open"},
            event("LLMModelGone", key="hy3-preview"),
        ],
    ),
    "a developer that is gone mutes its shift, and its shift that of its origin": Case(
        [
            event("LLMModelGone", "developer"),
            event("LLMShareShiftDeveloper", "developer", key="X", developer="X", origin="row-open"),
        ],
        [
            event("LLMShareShiftDeveloper", "developer", direction="down"),
            shift(direction="down") | {"origin": "cn-open"},
            shift(key="row-open") | {"origin": "row-open"},
        ],
    ),
    "a launch mutes no drift and no language": Case(
        [event("LLMModelNew"), drift(), shift(key="zh-Hans", dimension="language")]
    ),
    "unclassified models mute no language": Case(
        [UNCLASSIFIED, shift(key="ru", dimension="language")]
    ),
    "stale shares mute all else that shares tell": Case(
        [other("LLMShareStale", cause="behind")],
        [UNCLASSIFIED, shift(), shift("Hour", key="ru", dimension="language")],
    ),
    "stale shares mute nothing of another gateway, and no trouble of tokenshare": Case(
        [
            other("LLMShareStale", cause="behind", gateway="-eu"),
            shift(gateway="-us"),
            other("TokenshareRecordsRejected", gateway="-eu"),
        ]
    ),
    "late events notify once": Case(
        [other("LLMShareStale", cause="late")], [other("TokenshareLateData")]
    ),
    "a backlog does not mute late events": Case(
        [other("LLMShareStale", cause="behind"), other("TokenshareLateData")]
    ),
    "no worker mutes what follows from it": Case(
        [other("TokenshareNoWorker")],
        [
            other("TokenshareWorkerDown", instance="a:6066"),
            other("TokenshareConsumerStuck", partition="0"),
            other("LLMShareStale", cause="behind"),
            shift(),
        ],
    ),
    "no worker that is ready mutes what follows from it": Case(
        [other("TokenshareNoWorkerReady")],
        [
            other("TokenshareWorkerNotReady", instance="a:6066"),
            other("TokenshareRecoveryStuck", instance="a:6066"),
            other("TokenshareFlushFailing", instance="a:6066"),
            other("TokensharePartitionNotOwned", partition="0"),
            other("TokenshareConsumerLagRecords"),
        ],
    ),
    "the cause mutes that its worker is not ready, and no other's": Case(
        [
            other("TokenshareRecoveryStuck", instance="a:6066"),
            other("TokenshareFlushFailing", instance="b:6066"),
            other("TokenshareWorkerNotReady", instance="c:6066"),
            other("TokenshareClockWrong", instance="d:6066"),
        ],
        [
            other("TokenshareWorkerNotReady", instance="a:6066"),
            other("TokenshareWorkerNotReady", instance="b:6066"),
            other("TokenshareWorkerNotReady", instance="d:6066"),
        ],
    ),
    "a cause mutes nothing of a worker of that address at another gateway": Case(
        [
            other("TokenshareRecoveryStuck", instance="a:6066", gateway="-eu"),
            other("TokenshareWorkerNotReady", instance="a:6066", gateway="-us"),
        ]
    ),
    "a partition that stands still mutes the lag": Case(
        [other("TokenshareConsumerStuck", partition="0")],
        [
            other("TokenshareConsumerLagTime"),
            other("TokenshareConsumerLagRecords"),
            other("TokensharePartitionNotOwned", partition="0"),
        ],
    ),
    "the policy goes to the team, beside a shift of the same origin": Case(
        [
            shift(),
            other("LLMPolicyJurisdiction", jurisdiction="cn", measure="tokens", window="24h"),
            other("LLMPolicyOrigin", origin="cn-open", measure="tokens", window="24h"),
            other("LLMPolicyTenantGroup", group="eu", origin="cn-open"),
            other("LLMPolicySpend", window="24h"),
        ]
    ),
    "the lag notifies once": Case(
        [other("TokenshareConsumerLagTime")], [other("TokenshareConsumerLagRecords")]
    ),
    "rejected records mute dead letters, and no corrupt batch": Case(
        [other("TokenshareRecordsRejected"), other("TokenshareCorruptBatch")],
        [other("TokenshareDeadLetters")],
    ),
    "a bridge that cannot write mutes what follows from it": Case(
        [other("TokenshareBridgeNotReady", instance="p:6067")],
        [other("TokenshareBridgeRefusing"), other("TokenshareBridgeKafkaFailing")],
    ),
    "a Kafka that fails mutes the refusals": Case(
        [other("TokenshareBridgeKafkaFailing")], [other("TokenshareBridgeRefusing")]
    ),
    "what has another cause notifies": Case(
        [
            other("TokenshareWorkerDown", instance="a:6066"),
            other("TokenshareFollowerStuck", instance="b:6066"),
            other("TokenshareOverridesBroken"),
            other("TokenshareNotesBroken"),
            other("TokensharePolicyBroken"),
            other("TokenshareTenantNamesBroken"),
            other("TokensharePartitionOwnedTwice", partition="0"),
            other("TokenshareStateLarge", partition="0"),
            other("TokenshareStateLost", partition="0"),
            other("TokenshareRecordsLost"),
            other("TokenshareUnreadUsage"),
            other("TokenshareBridgeDown", instance="p:6067"),
            other("TokenshareBridgeRejecting"),
            shift(),
        ]
    ),
}
