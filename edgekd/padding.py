"""Token numbers of texts: ``[N, T]``, 0 where a text has ended."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

PADDING = 0


def without_padding(tokens: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Token numbers ``[N, T]`` without the columns at the end that hold padding alone.

    One column stays where there is nothing else.
    """
    used = np.flatnonzero((tokens != PADDING).any(axis=0))
    return tokens[:, : int(used[-1]) + 1 if len(used) else 1]
