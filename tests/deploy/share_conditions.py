"""What each rule on shares demands: the conditions that test_alerts.py reads from the rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """One comparison of a rule; with `times` the number is a factor to another metric."""

    metric: str
    dimension: str
    relation: str
    number: float
    times: str = ""


#: What each rule on models and developers demands.
_EVENT = (
    Condition("llm_share_evidence_requests", "", ">=", 20),
    Condition("llm_window_effective_requests", "", ">=", 100),
    Condition("llm_share_baseline_seconds", "", ">=", 1_814_400),
)
#: What each rule on shares demands, by alert and direction (for stale shares, by cause).
CONDITIONS = {
    ("LLMShareShiftDay", "up"): {
        Condition("llm_share_shift_zscore", "origin", ">=", 3),
        Condition("llm_share_shift_zscore", "language", ">=", 3.5),
        Condition("llm_share_shift_ratio", "", ">=", 0.01),
        Condition("llm_share_shift_ratio", "", ">=", 0.005),
        Condition("llm_share_ratio", "", ">=", 1.5, "llm_share_baseline_ratio"),
        Condition("llm_share_evidence_requests", "", ">=", 20),
        Condition("llm_window_effective_requests", "", ">=", 100),
        Condition("llm_share_baseline_seconds", "", ">=", 1_814_400),
    },
    ("LLMShareShiftDay", "down"): {
        Condition("llm_share_shift_zscore", "origin", "<=", -3),
        Condition("llm_share_shift_zscore", "language", "<=", -3.5),
        Condition("llm_share_shift_ratio", "", "<=", -0.01),
        Condition("llm_share_shift_ratio", "", "<=", -0.005),
        Condition("llm_share_baseline_ratio", "", ">=", 1.5, "llm_share_ratio"),
        Condition("llm_share_evidence_requests", "", ">=", 20),
        Condition("llm_window_effective_requests", "", ">=", 100),
        Condition("llm_share_baseline_seconds", "", ">=", 1_814_400),
    },
    ("LLMShareDrift", "up"): {
        Condition("llm_share_shift_zscore", "origin", ">=", 1.5),
        Condition("llm_share_shift_zscore", "language", ">=", 3),
        Condition("llm_share_shift_ratio", "", ">=", 0.02),
        Condition("llm_share_shift_ratio", "", ">=", 0.005),
        Condition("llm_share_ratio", "", ">=", 1.5, "llm_share_baseline_ratio"),
        Condition("llm_share_evidence_requests", "", ">=", 20),
        Condition("llm_window_effective_requests", "", ">=", 100),
        Condition("llm_share_baseline_seconds", "", ">=", 1_814_400),
    },
    ("LLMShareDrift", "down"): {
        Condition("llm_share_shift_zscore", "origin", "<=", -3),
        Condition("llm_share_shift_zscore", "language", "<=", -3),
        Condition("llm_share_shift_ratio", "", "<=", -0.02),
        Condition("llm_share_shift_ratio", "", "<=", -0.005),
        Condition("llm_share_baseline_ratio", "", ">=", 1.5, "llm_share_ratio"),
        Condition("llm_share_evidence_requests", "", ">=", 20),
        Condition("llm_window_effective_requests", "", ">=", 100),
        Condition("llm_share_baseline_seconds", "", ">=", 1_814_400),
    },
    ("LLMShareShiftHour", "up"): {
        Condition("llm_share_shift_zscore", "", ">=", 4),
        Condition("llm_share_shift_ratio", "", ">=", 0.03),
        Condition("llm_share_shift_ratio", "", ">=", 0.005),
        Condition("llm_share_ratio", "", ">=", 1.5, "llm_share_baseline_ratio"),
        Condition(
            "llm_share_shift_without_top_tenant_ratio", "", ">=", 0.5, "llm_share_shift_ratio"
        ),
        Condition("llm_share_evidence_requests", "", ">=", 20),
        Condition("llm_window_effective_requests", "", ">=", 30),
        Condition("llm_share_baseline_seconds", "", ">=", 1_814_400),
    },
    ("LLMShareShiftHour", "down"): {
        Condition("llm_share_shift_zscore", "", "<=", -4),
        Condition("llm_share_shift_ratio", "", "<=", -0.03),
        Condition("llm_share_shift_ratio", "", "<=", -0.005),
        Condition("llm_share_baseline_ratio", "", ">=", 1.5, "llm_share_ratio"),
        Condition(
            "llm_share_shift_without_top_tenant_ratio", "", "<=", 0.5, "llm_share_shift_ratio"
        ),
        Condition("llm_share_evidence_requests", "", ">=", 20),
        Condition("llm_window_effective_requests", "", ">=", 30),
        Condition("llm_share_baseline_seconds", "", ">=", 1_814_400),
    },
    ("LLMModelNew", "up"): {
        Condition("llm_share_ratio", "", ">=", 0.03),
        Condition("llm_share_peak_ratio", "", "<=", 0.2, "llm_share_ratio"),
        Condition("llm_share_shift_ratio", "", ">=", 3, "llm_share_standard_error_ratio"),
        *_EVENT,
    },
    ("LLMModelGone", "down"): {
        Condition("llm_share_shift_ratio", "", "<=", -0.03),
        Condition("llm_share_ratio", "", "<=", 0.5, "llm_share_baseline_ratio"),
        Condition("llm_share_shift_ratio", "", "<=", -3, "llm_share_standard_error_ratio"),
        *_EVENT,
    },
    ("LLMModelDoubled", "up"): {
        Condition("llm_share_shift_ratio", "model", ">=", 0.03),
        Condition("llm_share_ratio", "", ">=", 2, "llm_share_baseline_ratio"),
        Condition("llm_share_shift_ratio", "", ">=", 3, "llm_share_standard_error_ratio"),
        *_EVENT,
    },
    ("LLMShareShiftDeveloper", "up"): {
        Condition("llm_share_shift_zscore", "developer", ">=", 3.5),
        Condition("llm_share_shift_ratio", "", ">=", 0.02),
        Condition("llm_share_shift_ratio", "", ">=", 3, "llm_share_standard_error_ratio"),
        *_EVENT,
    },
    ("LLMShareShiftDeveloper", "down"): {
        Condition("llm_share_shift_zscore", "developer", "<=", -3.5),
        Condition("llm_share_shift_ratio", "", "<=", -0.02),
        Condition("llm_share_shift_ratio", "", "<=", -3, "llm_share_standard_error_ratio"),
        *_EVENT,
    },
    ("LLMShareUnclassified", ""): {
        Condition("llm_share_ratio", "", ">=", 0.05),
        Condition("llm_share_shift_zscore", "", ">=", 4),
        Condition("llm_share_baseline_seconds", "", ">=", 1_814_400),
    },
    ("LLMShareStale", "behind"): {
        Condition("llm_share_as_of_timestamp_seconds", "", ">", 900),
    },
    ("LLMShareStale", "late"): {
        Condition("tokenshare_late_events_per_tokenshare_events", "", ">", 0.01),
        Condition("tokenshare_late_events", "", ">=", 10),
    },
}


#: Of tokens, a smaller rise that has lasted is an alert as well.
LASTING = {
    ("LLMShareShiftDay", "up"): {Condition("llm_share_shift_zscore", "origin", ">=", 2.5)},
}
#: Requests and cost are silent where tokens are so far: z of a rise, and of a fall.
SILENT = {
    (f"LLMShare{tier}", direction): {Condition("llm_share_shift_zscore", "", relation, z)}
    for tier, *both in (("ShiftDay", 2.5, -3), ("ShiftHour", 4, -4), ("Drift", 1.5, -2.5))
    for direction, relation, z in zip(("up", "down"), (">=", "<="), both, strict=True)
}
