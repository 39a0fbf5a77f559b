"""Views of a text: some words dropped, some exchanged with the next one.

A view is a text again, so that teacher and student see the same words through tokenizers of their
own. Source: Wei and Zou 2019, "EDA: Easy Data Augmentation Techniques for Boosting Performance on
Text Classification Tasks". Words are what white space parts: a text of a language that is written
without it has one word, and all its views are the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from edgekd.recipe import TextAugmentation


def view_texts(
    texts: Sequence[str], augmentation: TextAugmentation, views: int, seed: int
) -> list[list[str]]:
    """Every view of every text; a view does not depend on how many others there are.

    Args:
        texts: none is empty.
        augmentation: shares of the words that change.
        views: how many, at least 1; view 0 is the text itself.
        seed: of the random changes.

    Returns:
        ``views`` lists of as many texts; none of them is empty.
    """
    words = [text.split() for text in texts]
    ends = list(accumulate((len(one) for one in words), initial=0))
    rendered = [list(texts)]
    for view in range(1, views):
        # For all texts at once: a generator for each would take longer than the changes.
        draws = np.random.default_rng((seed, view)).random((2, ends[-1]))
        own = [draws[:, start:end] for start, end in pairwise(ends)]
        changed = zip(words, own, strict=True)
        rendered.append([" ".join(change_words(one, draw, augmentation)) for one, draw in changed])
    return rendered


def change_words(
    words: Sequence[str], draws: npt.NDArray[np.float64], augmentation: TextAugmentation
) -> list[str]:
    """Leave words out, then exchange neighbours.

    Args:
        words: at least one.
        draws: ``[2, words]`` in [0, 1): a word is left out where the first is below
            ``augmentation.drop``, but the one with the highest stays; it changes places with the
            next one where the second is below ``augmentation.swap``.
        augmentation: shares of the words that change.
    """
    drop, swap = draws
    kept = np.flatnonzero((drop >= augmentation.drop) | (drop == drop.max()))
    changed = [words[number] for number in kept]
    for place in np.flatnonzero(swap[kept][:-1] < augmentation.swap):
        changed[place : place + 2] = changed[place + 1], changed[place]
    return changed
