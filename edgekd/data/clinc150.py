"""CLINC150: 22,500 queries to an assistant, of 150 intents, and 1,200 that are of none of them.

Larson et al. 2019, "An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction";
CC BY 3.0. The official test data are 4,500 queries; the official 15,000 for training and 3,000 for
validation are one pool, from which the recipe's split draws its validation data. Queries out of
scope are no samples: the accuracy is that over the 150 intents.

``data.path`` names the file or its folder. Without it ``clinc150/data_full.json`` is taken from
where ``edgekd.data.download`` looks, and fetched once if it is not there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgekd.data.download import VARIABLE, download_pinned, find_local
from edgekd.data.samples import Samples
from edgekd.data.text_folder import checked_text
from edgekd.errors import BadInput
from edgekd.files import cache_folder, read_json, sha256_of
from edgekd.recipe import Data

ADDRESS = "https://raw.githubusercontent.com/clinc/oos-eval/master/data/data_full.json"
FOLDER = "clinc150"
FILE = "data_full.json"
# Hex sha256 of the file.
CONTENT = "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0"
# Our names of the official parts, and the file's.
PARTS = {"train": "train", "validation": "val", "test": "test"}

_BY_HAND = (
    f"fetch it with a browser and put it as {FOLDER}/{FILE} into a folder that the environment "
    f"variable {VARIABLE} names, or name it in data.path"
)


def fingerprint(data: Data) -> str:
    """The sha256 of the file; nothing is fetched."""
    path = _local(data)
    return CONTENT if path is None else sha256_of(path)


def load(data: Data) -> Samples:
    """Read the queries in scope; ``outside`` holds the official test queries out of scope.

    Raises:
        RunFailed: the file had to be fetched and could not be.
    """
    document = _document(data)
    rows = {part: _rows(document, key, data) for part, key in PARTS.items()}
    intents = [intent for part in rows.values() for _, intent in part]
    class_names = tuple(sorted(set(intents)))
    index = {name: number for number, name in enumerate(class_names)}
    return Samples(
        inputs=np.empty((len(intents), 0), dtype=np.uint8),
        labels=np.asarray([index[intent] for intent in intents], dtype=np.int64),
        class_names=class_names,
        scale=1.0,
        names=tuple(f"{part}/{number}" for part in rows for number in range(len(rows[part]))),
        official_test=np.repeat([part == "test" for part in rows], list(map(len, rows.values()))),
        texts=tuple(query for part in rows.values() for query, _ in part),
        outside=tuple(query for query, _ in _rows(document, f"oos_{PARTS['test']}", data)),
    )


def _local(data: Data) -> Path | None:
    """The file that is already here; None where it must be fetched."""
    if data.path is None:
        return find_local(f"{FOLDER}/{FILE}")
    path = Path(data.path)
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise BadInput(
            "there is no such file",
            where=str(path),
            mend=f"fetch {ADDRESS}, or leave data.path out to have it fetched",
        )
    return path


def _document(data: Data) -> Any:
    path = _local(data)
    if path is None:
        path = cache_folder() / FOLDER / FILE
        download_pinned(ADDRESS, CONTENT, path, mend=_BY_HAND)
    return read_json(path)


def _rows(document: Any, key: str, data: Data) -> list[tuple[str, str]]:
    """Query and intent of each row of one part of the file, which may be anyone's."""
    where = f"{data.path or FILE}: {key}"
    rows = document.get(key) if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise BadInput("is no list of queries", where=where, mend=f"fetch {ADDRESS} again")
    checked = []
    for number, row in enumerate(rows):
        at = f"{where}[{number}]"
        if not isinstance(row, list) or len(row) != 2:
            raise BadInput("is not [query, intent]", where=at, mend=f"fetch {ADDRESS} again")
        checked.append((checked_text(row[0], at), checked_text(row[1], at)))
    return checked
