"""The suite shares the worker processes and the broker of the tests on Kafka."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))
