"""No label covers another one, a marker, or the chart's edge."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgekd.report.charts.labels import Box, place_labels

AREA = Box(0, 0, 400, 300)
anchors = st.lists(st.tuples(st.floats(0, 400), st.floats(0, 300)), max_size=25)
sizes = st.tuples(st.floats(4, 120), st.floats(8, 20))


def _marker(x: float, y: float) -> Box:
    return Box(x - 6, y - 6, x + 6, y + 6)


@given(anchors, sizes)
def test_labels_never_overlap(places: list[tuple[float, float]], size: tuple[float, float]) -> None:
    markers = [_marker(*place) for place in places]

    boxes = place_labels(places, [size] * len(places), markers, AREA)

    assert len(boxes) == len(places)
    placed = [box for box in boxes if box is not None]
    for index, box in enumerate(placed):
        assert box.inside(AREA)
        assert not any(box.overlaps(other) for other in [*markers, *placed[index + 1 :]])


def test_a_lone_label_stands_right_above_its_marker() -> None:
    (box,) = place_labels([(200, 150)], [(40, 10)], [_marker(200, 150)], AREA)

    assert box is not None
    assert (box.left, box.right) == (180, 220)
    assert 156 <= box.bottom <= 160


def test_a_label_without_room_is_left_out() -> None:
    assert place_labels([(200, 150)], [(500, 10)], [], AREA) == [None]
