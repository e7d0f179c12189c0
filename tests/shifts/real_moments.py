"""The moments at which shifts are added to real shares."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from real_shares import Real
from traffic_model import HOUR_PANES

FIRST_DAYS, MOMENTS = 22, 13


def moments(real: Real, hours: int) -> Iterator[int]:
    """Yield the panes at which shifts begin: spread over the days, at all times of day."""
    last = real.days * 24 - hours
    spread = np.linspace(FIRST_DAYS * 24, last, MOMENTS).astype(int)
    for number, hour in enumerate(spread.tolist()):
        yield min(hour + number * 5 % 24, last) * HOUR_PANES
