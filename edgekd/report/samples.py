"""The raw latency samples that lie beside a report."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING

from edgekd.records import Latency

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# 32 MiB of float64: more than a day of inferences a millisecond apart would not say more.
MOST_SAMPLES = 4_194_304
_HEADER_BYTES = 4096


def read_samples(folder: Path | None, latency: Latency) -> npt.NDArray[np.float64] | None:
    """Milliseconds of each inference in the order in which they ran, float64 ``[n]``.

    None where the file is not below the run folder, or is not the one that the report was made
    from: a chart of it would not belong to the figures beside it.

    Args:
        folder: of the run; None: nothing lies beside the report.
        latency: names the file, relative to the folder.
    """
    if folder is None or latency.samples is None or latency.n > MOST_SAMPLES:
        return None
    import numpy as np

    try:
        root, path = folder.resolve(), (folder / latency.samples).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            return None
        if path.stat().st_size > MOST_SAMPLES * 8 + _HEADER_BYTES:
            return None
        # Mapped, because a map cannot be larger than its file: nothing is allocated on its word.
        stored = np.lib.format.open_memmap(path, mode="r")  # type: ignore[no-untyped-call]
    except (OSError, ValueError, EOFError, SyntaxError, TokenError):
        return None
    if stored.dtype != np.float64:
        return None
    if stored.shape != (latency.n,) or not np.isfinite(stored).all() or stored.min() < 0:
        return None
    return np.array(stored)
