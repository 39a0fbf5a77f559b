from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.data import bbc_news, find_source
from edgekd.data.samples import Samples
from edgekd.errors import RunFailed
from edgekd.recipe import Data, Split

DATA = Data(source="bbc_news", split=Split(validation=50, test=500))
WORDS = st.text(alphabet="ab", min_size=1, max_size=1)


def runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[n : n + 5]) for n in range(len(words)) if n == 0 or n + 5 <= len(words)}


@given(st.lists(st.lists(WORDS, min_size=1, max_size=14).map(" ".join), max_size=12))
def test_repeats_are_those_of_comparing_each_with_each(texts: list[str]) -> None:
    kept: list[int] = []
    for number, text in enumerate(texts):
        own = runs(text)
        others = [runs(texts[other]) for other in kept]
        if all(2 * len(own & other) <= min(len(own), len(other)) for other in others):
            kept.append(number)
    assert bbc_news.first_of_each(texts) == kept


def test_a_repeat_may_be_reworked() -> None:
    first = "Ink helps drive democracy. The republic is using invisible ink and readers to vote."
    longer = f"Ink HELPS drive democracy! {first[27:-1]} - a new sentence follows here."
    other = "The republic is using invisible tricks; nobody knows what the readers are doing now."
    assert bbc_news.first_of_each([first, other, longer, first, "one", "One?"]) == [0, 1, 4]


@pytest.fixture(scope="module")
def samples() -> Samples:
    try:
        return find_source("bbc_news").load(DATA)
    except RunFailed as error:
        pytest.skip(str(error))


def test_the_articles(samples: Samples) -> None:
    assert samples.class_names == ("business", "entertainment", "politics", "sports", "tech")
    assert np.bincount(samples.labels).tolist() == [496, 359, 384, 486, 319]
    # As the module's first lines say.
    assert 2225 - len(samples.labels) == 181
    assert samples.texts is not None
    assert samples.texts[0].startswith("Ad sales boost Time Warner profit Quarterly profits at US")
    assert not any("\n" in text or "\ufffd" in text for text in samples.texts)
    assert sum("a £15.8m signing from Parma" in text for text in samples.texts) == 1
    assert samples.names is not None
    assert samples.names[0] == "business/001.txt"
    assert samples.inputs.shape == (2044, 0)


def test_the_fingerprint_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert bbc_news.fingerprint(DATA) == bbc_news.fingerprint(DATA)
    assert re.fullmatch("[0-9a-f]{64}", bbc_news.fingerprint(DATA))
