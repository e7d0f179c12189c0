"""Every metric: its name, kind, labels and help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric: `name` as on /metrics, without the `_total` of a counter."""

    name: str
    kind: Literal["gauge", "counter", "histogram", "info"]
    labels: tuple[str, ...]
    help: str


SHARE_RATIO = Definition(
    "llm_share_ratio",
    "gauge",
    ("dimension", "key", "measure", "window"),
    "Share of a key in a window, 0 to 1; the shares of a dimension add up to 1.",
)
JOINT_RATIO = Definition(
    "llm_share_joint_ratio",
    "gauge",
    ("origin", "language", "measure", "window"),
    "Share of an origin and a prompt language together in a window, 0 to 1.",
)
LAW_RATIO = Definition(
    "llm_share_jurisdiction_ratio",
    "gauge",
    ("origin", "jurisdiction", "measure", "window"),
    "Share of a model origin and a jurisdiction of the endpoint together in a window, 0 to 1.",
)
SERVED_RATIO = Definition(
    "llm_share_provider_ratio",
    "gauge",
    ("provider", "origin", "measure", "window"),
    "Share of a provider and a model origin together in 24h, 0 to 1.",
)
WINDOW_COST = Definition(
    "llm_window_cost_usd",
    "gauge",
    ("window",),
    "US dollars that a window's shares of cost are based on; absent where no request has a price.",
)
PRICED_RATIO = Definition(
    "llm_window_priced_ratio",
    "gauge",
    ("window",),
    "Part of a window's tokens that has a price, stated or estimated; the rest is not free.",
)
ESTIMATED_RATIO = Definition(
    "llm_window_estimated_ratio",
    "gauge",
    ("window",),
    "Part of a window's tokens whose price is an estimate from a list of prices.",
)
MEASURED_RATIO = Definition(
    "llm_window_measured_ratio",
    "gauge",
    ("window",),
    "Part of a window's tokens that was counted by a version that records prices and cache reads.",
)
WINDOW_REQUESTS = Definition(
    "llm_window_requests",
    "gauge",
    ("window",),
    "Requests that a window's shares are based on.",
)
WINDOW_TOKENS = Definition(
    "llm_window_tokens", "gauge", ("window",), "Tokens that a window's shares are based on."
)
_OF_SHIFT = ("dimension", "key", "measure", "window")
STANDARD_ERROR = Definition(
    "llm_share_standard_error_ratio",
    "gauge",
    _OF_SHIFT,
    "Standard error of the share in the window.",
)
BASELINE = Definition(
    "llm_share_baseline_ratio",
    "gauge",
    _OF_SHIFT,
    "Share to expect at this time of day, from the seven days before; for 7d the share of the 28 "
    "days before.",
)
SHIFT = Definition(
    "llm_share_shift_ratio",
    "gauge",
    _OF_SHIFT,
    "Share less baseline: 0.07 is 7 points more than expected.",
)
USUAL_SPREAD = Definition(
    "llm_share_usual_spread_ratio",
    "gauge",
    _OF_SHIFT,
    "How far the share usually is from its baseline, over 28 days "
    "(quantile of 95 % / 1.96; for 24h the smaller of 80 % / 1.28 and 99 % / 2.58).",
)
ZSCORE = Definition(
    "llm_share_shift_zscore",
    "gauge",
    _OF_SHIFT,
    "Shift in units of the larger of usual spread and standard error, for 7d without jumps; absent "
    "until there are 21 days of history.",
)
DETECTABLE = Definition(
    "llm_share_detectable_shift_ratio",
    "gauge",
    _OF_SHIFT,
    "The smallest shift that could alert now; absent until there are 21 days of history.",
)
WITHOUT_TOP_TENANT = Definition(
    "llm_share_shift_without_top_tenant_ratio",
    "gauge",
    _OF_SHIFT,
    "What remains of the hour's shift without the tenant that contributes most.",
)
DRIFT_SINCE = Definition(
    "llm_share_drift_since_timestamp_seconds",
    "gauge",
    ("dimension", "key", "measure"),
    "Unix time at which the share left its previous level, within the last 35 days.",
)
PEAK = Definition(
    "llm_share_peak_ratio",
    "gauge",
    _OF_SHIFT,
    "The largest share of a day in the 28 days before, of models and developers.",
)
MOVER = Definition(
    "llm_share_mover_ratio",
    "gauge",
    ("dimension", "key", "measure", "window", "mover"),
    "Part of a shift that alerts now which a model (for languages: an origin) contributes.",
)
SHIFT_NOTE = Definition(
    "llm_share_note_timestamp_seconds",
    "gauge",
    (*_OF_SHIFT, "note", "at"),
    "When a known event began that a shift may be due to, in unix time; of shifts that alert now.",
)
KEY_INFO = Definition(
    "llm_share_key_info",
    "gauge",
    ("dimension", "key", "developer", "origin"),
    "1; the developer and the origin of a model, or the origin of most tokens of a developer.",
)
KEY_NAME = Definition(
    "llm_share_key_name_info",
    "gauge",
    ("dimension", "key", "name"),
    "1; the name of an origin, a language or a jurisdiction, for texts of alerts.",
)
EVIDENCE = Definition(
    "llm_share_evidence_requests",
    "gauge",
    _OF_SHIFT,
    "Larger of observed and expected requests of the key.",
)
EFFECTIVE_REQUESTS = Definition(
    "llm_window_effective_requests",
    "gauge",
    ("dimension", "measure", "window"),
    "Kish effective sample size: equal requests that would measure the share as well.",
)
HISTORY_DAYS = Definition(
    "llm_share_baseline_seconds",
    "gauge",
    (),
    "Length of the history behind the shifts; none alerts below 21 days (1814400).",
)
EXCLUDED_TOKENS = Definition(
    "llm_policy_excluded_tokens",
    "gauge",
    ("group", "origin"),
    "Tokens of the running hour and the 23 before that a group of tenants sent to an origin which "
    "the policy excludes for it, without those of tenants too small to be counted by name.",
)
AS_OF = Definition(
    "llm_share_as_of_timestamp_seconds",
    "gauge",
    (),
    "Watermark that all windows end at, in unix time; behind the clock while a backlog is read.",
)
TOKENS = Definition(
    "llm_tokens",
    "counter",
    ("dimension", "key"),
    "Tokens counted since the first record, over all workers; a restart does not reset it. Each "
    "dimension has all of them: choose one before adding up.",
)
REQUESTS = Definition(
    "llm_requests",
    "counter",
    ("dimension", "key"),
    "Requests counted since the first record, over all workers; a restart does not reset it. Each "
    "dimension has all of them: choose one before adding up.",
)
COST = Definition(
    "llm_cost_usd",
    "counter",
    ("dimension", "key"),
    "US dollars of the requests that have a price, over all workers; a restart does not reset it. "
    "Each dimension has all of them: choose one before adding up.",
)
CACHED_TOKENS = Definition(
    "llm_cached_tokens",
    "counter",
    ("dimension", "key"),
    "Prompt tokens read from a provider's cache, of requests that state them; part of the tokens. "
    "Each dimension has all of them.",
)
REASONING_TOKENS = Definition(
    "llm_reasoning_tokens",
    "counter",
    ("dimension", "key"),
    "Completion tokens that were reasoning, of the requests that state them; part of the tokens. "
    "Each dimension has all of them.",
)
RECORDS = Definition(
    "tokenshare_records",
    "counter",
    ("result", "reason"),
    "Records by outcome; rejected ones are in the dead-letter topic.",
)
UNREAD_USAGE = Definition(
    "tokenshare_unread_usage",
    "counter",
    ("format", "source"),
    "Skipped items that visibly hold usage which no reader takes, by the scope, service or keys.",
)
EVENTS = Definition("tokenshare_events", "counter", ("format",), "Events counted, by format.")
LATE_EVENTS = Definition(
    "tokenshare_late_events",
    "counter",
    (),
    "Events counted that were over 10 minutes older than the newest one.",
)
LAG = Definition(
    "tokenshare_consumer_lag_records",
    "gauge",
    ("partition",),
    "Records in Kafka that the shown counts do not include yet.",
)
POSITION = Definition(
    "tokenshare_position",
    "gauge",
    ("partition",),
    "Next source offset to be counted, as the changelog has it.",
)
PARTITION_OWNED = Definition(
    "tokenshare_partition_owned",
    "gauge",
    ("partition",),
    "1 where this worker counts the partition, else 0; over all workers each adds up to 1.",
)
PARTITIONS = Definition("tokenshare_partitions", "gauge", (), "Partitions of the source topic.")
PARTITIONS_OWNED = Definition(
    "tokenshare_partitions_owned",
    "gauge",
    (),
    "Partitions that this worker counts; over all workers they add up to tokenshare_partitions.",
)
STATE_BYTES = Definition(
    "tokenshare_state_bytes",
    "gauge",
    ("partition",),
    "Bytes of a partition's stored counts, in Kafka and in each worker's memory; at most 67 MB.",
)
STATE_LOST_REQUESTS = Definition(
    "tokenshare_state_lost_requests",
    "gauge",
    ("partition", "level"),
    "Requests that the changelog has lost of a partition for good, by level of stored counts.",
)
STATE_LOST_TIME = Definition(
    "tokenshare_state_lost_timestamp_seconds",
    "gauge",
    ("partition",),
    "When the last loss was noticed, in unix time; both are absent where nothing is lost.",
)
READY = Definition(
    "tokenshare_ready", "gauge", (), "1 when this worker is ready; /readyz says why it is not."
)
STATE = Definition(
    "tokenshare_state",
    "gauge",
    ("state",),
    "1 while the worker is in a state: running, or rebalancing, recovering and others before.",
)
CLOCK_OFFSET = Definition(
    "tokenshare_clock_offset_seconds",
    "gauge",
    (),
    "How far this worker's clock is ahead of the times in Kafka; absent while not known.",
)
RECOVERY_SECONDS = Definition(
    "tokenshare_recovery_seconds",
    "gauge",
    (),
    "How long this process took to read the changelog at its start; absent until it has.",
)
FLUSH_SECONDS = Definition(
    "tokenshare_flush_seconds", "gauge", (), "How long the last write to the changelog took."
)
FLUSH_FAILURES = Definition(
    "tokenshare_flush_failures",
    "counter",
    (),
    "Writes to the changelog that failed and were kept for the next one, in this process.",
)
DEAD_LETTERS_LOST = Definition(
    "tokenshare_dead_letters_lost",
    "counter",
    (),
    "Dead letters that their topic refused even without contents, in this process.",
)
ENRICHMENT_FAILURES = Definition(
    "tokenshare_enrichment_failures",
    "counter",
    ("kind",),
    "Faults in finding a request's language, origin, tenant, provider or price; its tokens count.",
)
REBALANCES = Definition(
    "tokenshare_rebalances", "counter", (), "Times that partitions were assigned to this process."
)
OVERRIDES_SUCCESSFUL = Definition(
    "tokenshare_overrides_last_reload_successful",
    "gauge",
    (),
    "1 when the overrides file is in force, 0 when a fault in it keeps the previous overrides.",
)
OVERRIDES_TIME = Definition(
    "tokenshare_overrides_last_reload_success_timestamp_seconds",
    "gauge",
    (),
    "When the overrides file was last loaded, in unix time; both are absent without such a file.",
)
NOTE_TIME = Definition(
    "tokenshare_note_timestamp_seconds",
    "gauge",
    ("note", "at", "dimension", "key"),
    "When a known event of the file of notes is, in unix time; of a period its start.",
)
NOTE_END = Definition(
    "tokenshare_note_end_timestamp_seconds",
    "gauge",
    ("note", "at", "dimension", "key"),
    "When the period of a known event ends, in unix time.",
)
NOTES_SUCCESSFUL = Definition(
    "tokenshare_notes_last_reload_successful",
    "gauge",
    (),
    "1 when the notes are those of the file, 0 when a fault in it keeps the previous notes.",
)
NOTES_TIME = Definition(
    "tokenshare_notes_last_reload_success_timestamp_seconds",
    "gauge",
    (),
    "When the file of notes was last loaded, in unix time; both are absent without such a file.",
)
POLICY_SUCCESSFUL = Definition(
    "tokenshare_policy_last_reload_successful",
    "gauge",
    (),
    "1 when the policy is that of its file, 0 when a fault in it keeps the previous policy.",
)
POLICY_TIME = Definition(
    "tokenshare_policy_last_reload_success_timestamp_seconds",
    "gauge",
    (),
    "When the file of the policy was last loaded, in unix time; both are absent without such a "
    "file.",
)
TENANT_NAMES_SUCCESSFUL = Definition(
    "tokenshare_tenant_names_last_reload_successful",
    "gauge",
    (),
    "1 when the names of tenants are those of their file, 0 when a fault in it keeps the previous "
    "names.",
)
TENANT_NAMES_TIME = Definition(
    "tokenshare_tenant_names_last_reload_success_timestamp_seconds",
    "gauge",
    (),
    "When the file of names of tenants was last loaded, in unix time; both are absent without such "
    "a file.",
)
BUILD_INFO = Definition(
    "tokenshare_build", "info", ("version",), "The version of tokenshare that runs."
)

DEFINITIONS = (
    SHARE_RATIO,
    JOINT_RATIO,
    LAW_RATIO,
    SERVED_RATIO,
    WINDOW_REQUESTS,
    WINDOW_TOKENS,
    WINDOW_COST,
    PRICED_RATIO,
    ESTIMATED_RATIO,
    MEASURED_RATIO,
    STANDARD_ERROR,
    BASELINE,
    SHIFT,
    USUAL_SPREAD,
    ZSCORE,
    DETECTABLE,
    WITHOUT_TOP_TENANT,
    DRIFT_SINCE,
    EVIDENCE,
    PEAK,
    MOVER,
    SHIFT_NOTE,
    KEY_INFO,
    KEY_NAME,
    EFFECTIVE_REQUESTS,
    HISTORY_DAYS,
    EXCLUDED_TOKENS,
    AS_OF,
    TOKENS,
    REQUESTS,
    COST,
    CACHED_TOKENS,
    REASONING_TOKENS,
    RECORDS,
    UNREAD_USAGE,
    EVENTS,
    LATE_EVENTS,
    LAG,
    POSITION,
    PARTITION_OWNED,
    PARTITIONS,
    PARTITIONS_OWNED,
    STATE_BYTES,
    STATE_LOST_REQUESTS,
    STATE_LOST_TIME,
    READY,
    STATE,
    CLOCK_OFFSET,
    RECOVERY_SECONDS,
    FLUSH_SECONDS,
    FLUSH_FAILURES,
    DEAD_LETTERS_LOST,
    ENRICHMENT_FAILURES,
    REBALANCES,
    OVERRIDES_SUCCESSFUL,
    OVERRIDES_TIME,
    NOTE_TIME,
    NOTE_END,
    NOTES_SUCCESSFUL,
    NOTES_TIME,
    POLICY_SUCCESSFUL,
    POLICY_TIME,
    TENANT_NAMES_SUCCESSFUL,
    TENANT_NAMES_TIME,
    BUILD_INFO,
)


def exposed_name(definition: Definition) -> str:
    """Return the name of a metric's samples on /metrics."""
    suffix = {"counter": "_total", "info": "_info", "gauge": "", "histogram": ""}[definition.kind]
    return definition.name + suffix
