"""Data sources. A new one is a module here and a line in ``SOURCES``."""

from __future__ import annotations

import difflib
import importlib
from typing import cast

from edgekd.data.samples import Source
from edgekd.errors import BadInput

SOURCES = {
    "digits": "edgekd.data.digits",
    "mnist5k": "edgekd.data.mnist5k",
    "image_folder": "edgekd.data.image_folder",
    "npz": "edgekd.data.npz",
    "wav_folder": "edgekd.data.wav_folder",
    "cifar10": "edgekd.data.cifar10",
    "fsdd": "edgekd.data.fsdd",
    "text_folder": "edgekd.data.text_folder",
    "text_table": "edgekd.data.text_table",
    "bbc_news": "edgekd.data.bbc_news",
    "clinc150": "edgekd.data.clinc150",
}


def find_source(name: str) -> Source:
    """The source of that name.

    Raises:
        BadInput: there is none; the nearest name is given.
    """
    if name not in SOURCES:
        near = difflib.get_close_matches(name, SOURCES, n=1, cutoff=0.0)[0]
        raise BadInput(
            f"there is no data source {name!r}", where="data.source", mend=f"did you mean {near!r}?"
        )
    return cast(Source, importlib.import_module(SOURCES[name]))
