"""What a worker says of any trouble explains no fault: only words on its cause do."""

from __future__ import annotations

import re

import pytest
from on_groups import FOREIGN, FULL, OTHER_DEPLOYMENT, SESSION
from on_logins import LOGIN
from on_logs import CUT, NO_CHANGELOG, RECREATED

PATTERNS = {
    SESSION: "raise TOKENSHARE_SESSION_TIMEOUT_SECONDS to 6 or more",
    FOREIGN: "a foreign member is in the group",
    FULL: "the group is full",
    OTHER_DEPLOYMENT: "another deployment counts in this group",
    LOGIN: "Kafka refuses the login",
    CUT: "TOPIC[0] was cut at 100",
    RECREATED: "TOPIC was deleted and recreated",
    NO_CHANGELOG: "CHANGELOG has lost records",
}
ANY_TROUBLE = (
    "partitions are being assigned",
    "the changelog is being read",
    "the first picture is being made",
    "Kafka has not said where the source topic ends: the lag is not known",
    "the changelog or the dead-letter topic cannot be written",
    "Kafka does not say where TOPIC ends (TimeoutError): the lag is not known",
    "it does not answer",
    "(nothing logged)",
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_only_the_cause_explains_a_fault(pattern):
    assert re.search(pattern, PATTERNS[pattern], re.IGNORECASE)
    assert not [words for words in ANY_TROUBLE if re.search(pattern, words, re.IGNORECASE)]
