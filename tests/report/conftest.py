"""What several tests of reports read."""

from __future__ import annotations

import pytest
from report_inputs import event, ndjson


@pytest.fixture
def traffic(tmp_path):
    """A file of 30 days, three models a day, and one line that is rejected."""
    path = tmp_path / "usage.ndjson"
    path.write_bytes(
        ndjson(
            *(
                event(day, model, 100 + day, 20, language=language)
                for day in range(30)
                for model, language in (("qwen3-32b", "zh"), ("gpt-4o", "en"), ("mine", None))
            ),
            b"bad",
        )
    )
    return path
