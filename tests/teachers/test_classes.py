"""A teacher's classes are brought to the data's by name, and what does not match is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.errors import BadInput
from edgekd.teachers.classes import align_classes, class_columns

LOGITS = np.array([[0.0, 1.0, 2.0, 3.0], [4.0, 3.0, 2.0, 1.0]], dtype=np.float32)
TEACHER = ("ant", "bee", "cat", "dog")


def test_without_names_the_order_is_taken() -> None:
    assert align_classes(LOGITS, None, ("a", "b", "c", "d"), {}) is LOGITS
    with pytest.raises(BadInput, match="4 outputs without names, but the data has 3 classes"):
        align_classes(LOGITS, None, ("a", "b", "c"), {})
    with pytest.raises(BadInput, match="no names that could be mapped"):
        align_classes(LOGITS, None, ("a", "b", "c", "d"), {"a": "b"})


def test_order_and_surplus() -> None:
    aligned = align_classes(LOGITS, TEACHER, ("dog", "ant"), {})
    np.testing.assert_array_equal(aligned, [[3, 0], [1, 4]])
    assert aligned.dtype == np.float32


def test_a_map_renames() -> None:
    aligned = align_classes(LOGITS, TEACHER, ("Hund", "ant"), {"dog": "Hund"})
    np.testing.assert_array_equal(aligned, [[3, 0], [1, 4]])


def test_classes_mapped_to_one_add_their_probabilities() -> None:
    class_map = {"ant": "insect", "bee": "insect", "cat": "pet", "dog": "pet"}
    aligned = align_classes(LOGITS, TEACHER, ("insect", "pet"), class_map)
    shares = np.exp(LOGITS.astype(np.float64))
    shares /= shares.sum(axis=1, keepdims=True)
    expected = np.stack([shares[:, :2].sum(1), shares[:, 2:].sum(1)], axis=1)
    given_aligned = np.exp(aligned) / np.exp(aligned).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(given_aligned, expected, rtol=1e-6)


def test_a_name_and_a_mapped_one_go_together() -> None:
    columns = class_columns(TEACHER, ("cat", "ant"), {"dog": "cat"})
    assert columns == [[2, 3], [0]]


def test_rows_of_nan_stay() -> None:
    logits = np.full((1, 4), np.nan, dtype=np.float32)
    aligned = align_classes(logits, TEACHER, ("cat", "ant"), {"dog": "cat"})
    assert np.isnan(aligned).all()


@pytest.mark.parametrize(
    ("data", "class_map", "what"),
    [
        (("ant", "Cat"), {}, r"no class 'Cat' \(near: 'cat'\) .*teacher\.class_map"),
        (("ant", "xyz"), {}, r"the teacher has no class 'xyz' \("),
        (("ant", "cat"), {"dogs": "cat"}, r"the teacher has no class 'dogs' \(near: 'dog'\)"),
        (("ant", "cat"), {"dog": "cats"}, r"the data has no class 'cats' \(near: 'cat'\)"),
        (("ant", "dog"), {"dog": "ant"}, "the teacher has no class 'dog'"),
    ],
)
def test_what_does_not_match(data: tuple[str, ...], class_map: dict[str, str], what: str) -> None:
    with pytest.raises(BadInput, match=what):
        align_classes(LOGITS, TEACHER, data, class_map)


def test_many_names_are_not_all_told() -> None:
    with pytest.raises(BadInput, match="and 997 more") as caught:
        align_classes(LOGITS, TEACHER, [f"class {i}" for i in range(1000)], {})
    assert len(str(caught.value)) < 400


def test_counts_of_names() -> None:
    with pytest.raises(BadInput, match="names 3 classes, but the teacher gives 4 outputs"):
        align_classes(LOGITS, TEACHER[:3], TEACHER, {})


def test_a_name_given_twice_is_refused_where_it_is_meant() -> None:
    twice = ("crane", "crane", "cat", "dog")
    np.testing.assert_array_equal(
        align_classes(LOGITS, twice, ("dog", "cat"), {}), LOGITS[:, 3:1:-1]
    )
    with pytest.raises(BadInput, match="the teacher has two classes 'crane'"):
        align_classes(LOGITS, twice, ("dog", "crane"), {})


@given(st.permutations(range(6)), st.integers(1, 6))
def test_any_order_is_found_again(order: list[int], count: int) -> None:
    names = [f"class {number}" for number in order]
    logits = np.arange(12, dtype=np.float32).reshape(2, 6)
    wanted = [f"class {number}" for number in range(count)]
    aligned = align_classes(logits, names, wanted, {})
    for column, number in enumerate(range(count)):
        np.testing.assert_array_equal(aligned[:, column], logits[:, order.index(number)])
