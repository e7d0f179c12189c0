"""Types of group.pyx, where the docstrings are."""

import numpy as np
from numpy.typing import NDArray

def group(
    first: NDArray[np.int64], second: NDArray[np.int64], columns: list[NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[NDArray[np.int64]]]: ...
