from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.errors import BadInput
from edgekd.pipeline.search.space import Choice, Range, grid_points, parse_space, shown


def test_values_and_ranges_are_told_apart() -> None:
    space = parse_space(
        ["distill.temperature=1,2,4.5", "distill.alpha=0.1..0.9", "distill.steps=10..1000:log"]
    )
    assert shown(space) == {
        "distill.temperature": [1, 2, 4.5],
        "distill.alpha": "0.1..0.9",
        "distill.steps": "10..1000:log",
    }
    steps, alpha = space["distill.steps"], space["distill.alpha"]
    assert isinstance(steps, Range)
    assert steps.whole
    assert isinstance(alpha, Range)
    assert not alpha.whole


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
)
def test_a_grid_has_every_combination_once(sizes: list[int]) -> None:
    texts = [f"key.k{n}={','.join(map(str, range(size)))}" for n, size in enumerate(sizes)]
    points = grid_points(parse_space(texts))
    found = {tuple(choice.value for choice in point.values()) for point in points}
    expected = 1
    for size in sizes:
        expected *= size
    assert len(points) == len(found) == expected


def test_values_may_have_names(tmp_path: Path) -> None:
    file = tmp_path / "signals.yaml"
    file.write_text("plain: [{kind: soft-targets}]\nboth: [{kind: soft-targets}, {kind: hint}]\n")
    space = parse_space([f"distill.signals=@{file}"])
    assert shown(space) == {"distill.signals": ["plain", "both"]}
    assert grid_points(space)[0] == {"distill.signals": Choice("plain", [{"kind": "soft-targets"}])}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "nothing to sweep over"),
        (["distill.alpha"], "is not KEY=VALUE"),
        (["a=1", "a=2"], "a stands twice"),
        (["a=1,1"], "a value stands twice"),
        (["a=3..1"], "the range is empty"),
        (["a=0..1:log"], "begins at 0"),
        (["a=[1"], "not YAML"),
        (["a=@/nowhere/file.yaml"], "cannot be read"),
    ],
)
def test_a_wrong_space_is_one_line(texts: list[str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse_space(texts)


def test_a_range_is_no_grid_and_a_grid_has_an_end() -> None:
    with pytest.raises(BadInput, match="--search"):
        grid_points(parse_space(["a=1..3"]))
    long = ",".join(map(str, range(101)))
    with pytest.raises(BadInput, match="more than 10000"):
        grid_points(parse_space([f"a={long}", f"b={long}"]))
