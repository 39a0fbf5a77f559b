from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgekd.data.text_views import change_words, view_texts
from edgekd.recipe import TextAugmentation

SHARES = st.sampled_from([0.0, 0.1, 0.5, 0.99])
AUGMENTATIONS = st.builds(TextAugmentation, drop=SHARES, swap=SHARES)
TEXTS = st.lists(
    st.lists(st.text("abcä", min_size=1, max_size=3), min_size=1, max_size=8).map(" ".join),
    max_size=6,
)


def slowly(words: list[str], draws: list[tuple[float, float]], drop: float, swap: float) -> str:
    """Word by word."""
    highest = max(first for first, _ in draws)
    left = [
        (word, second)
        for word, (first, second) in zip(words, draws, strict=True)
        if first >= drop or first == highest
    ]
    changed = [word for word, _ in left]
    for place, (_, second) in enumerate(left):
        if second < swap and place + 1 < len(changed):
            word = changed[place]
            changed[place] = changed[place + 1]
            changed[place + 1] = word
    return " ".join(changed)


@given(
    st.lists(
        st.tuples(st.text("xyz", min_size=1), *[st.floats(0, 1, exclude_max=True)] * 2), min_size=1
    ),
    AUGMENTATIONS,
)
def test_words_change_as_they_are_drawn(
    drawn: list[tuple[str, float, float]], augmentation: TextAugmentation
) -> None:
    words = [word for word, _, _ in drawn]
    draws = [(first, second) for _, first, second in drawn]
    changed = change_words(words, np.asarray(draws).T, augmentation)
    assert " ".join(changed) == slowly(words, draws, augmentation.drop, augmentation.swap)


@given(TEXTS, AUGMENTATIONS, st.integers(1, 4), st.integers(0, 9))
def test_views_hold_words_of_the_text(
    texts: list[str], augmentation: TextAugmentation, views: int, seed: int
) -> None:
    rendered = view_texts(texts, augmentation, views, seed)
    assert rendered[0] == texts
    assert [len(view) for view in rendered] == [len(texts)] * views
    for view in rendered:
        for text, changed in zip(texts, view, strict=True):
            left = text.split()
            assert changed
            for word in changed.split():
                left.remove(word)
            assert not left or augmentation.drop > 0
    more = view_texts(texts, augmentation, views + 1, seed)
    assert more[:views] == rendered


def test_shares_are_shares_of_the_words() -> None:
    texts = [" ".join(f"{sample}-{word}" for word in range(40)) for sample in range(500)]
    dropped = view_texts(texts, TextAugmentation(drop=0.2), 3, 1)
    counts = [sum(len(text.split()) for text in view) for view in dropped]
    assert counts[0] == 20_000
    # Four standard deviations of a binomial distribution.
    assert np.allclose(counts[1:], 16_000, atol=4 * np.sqrt(20_000 * 0.2 * 0.8))
    assert dropped[1] != dropped[2]
    [_, swapped] = view_texts(texts, TextAugmentation(swap=0.1), 2, 1)
    pairs = [
        (int(one.partition("-")[2]), int(two.partition("-")[2]))
        for text in swapped
        for one, two in zip(text.split(), text.split()[1:], strict=False)
    ]
    falling = sum(one > two for one, two in pairs)
    # A run of exchanges carries one word on and makes a single fall.
    assert np.isclose(falling, 500 * 39 * 0.1 * 0.9, rtol=0.1)


def test_seeds_give_other_views() -> None:
    texts = ["one two three four five six seven eight nine ten"] * 20
    augmentation = TextAugmentation(drop=0.2, swap=0.2)
    first = view_texts(texts, augmentation, 2, 0)
    assert first == view_texts(texts, augmentation, 2, 0)
    assert first != view_texts(texts, augmentation, 2, 1)
    assert len(set(first[1])) > 10
    assert view_texts([], augmentation, 2, 0) == [[], []]
