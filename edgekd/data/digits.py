"""The 1,797 8x8 handwritten digits that scikit-learn carries (UCI optical recognition set)."""

from __future__ import annotations

import numpy as np

from edgekd.data.packaged import packaged_file
from edgekd.data.samples import Samples
from edgekd.files import sha256_of
from edgekd.recipe import Data

_FILE = "datasets/data/digits.csv.gz"


def fingerprint(data: Data) -> str:
    """The sha256 of the file inside scikit-learn."""
    return sha256_of(packaged_file("sklearn", _FILE))


def load(data: Data) -> Samples:
    """Read all digits: uint8 ``[1797, 1, 8, 8]``, values 0 to 16."""
    rows = np.loadtxt(packaged_file("sklearn", _FILE), delimiter=",", dtype=np.uint8)
    return Samples(
        inputs=rows[:, :-1].reshape(-1, 1, 8, 8),
        labels=rows[:, -1].astype(np.int64),
        class_names=tuple(str(digit) for digit in range(10)),
        scale=1 / 16,
    )
