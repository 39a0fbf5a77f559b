"""Descriptions that would make an application feed or read a model wrongly are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.errors import BadInput
from edgekd.export.contract import TensorSpec
from edgekd.export.model_description import ModelDescription, Normalization, check_description


def tensor(
    shape: list[int],
    dtype: Literal["float32", "int8", "uint8"] = "float32",
    scale: float | None = None,
    zero_point: int | None = None,
) -> TensorSpec:
    return TensorSpec(
        name="t", shape=shape, layout="NC", dtype=dtype, scale=scale, zero_point=zero_point
    )


IMAGE, SCORES = tensor([1, 4, 4, 3]), tensor([1, 3])
PIXELS = Normalization((127.5,), (127.5,))
GOOD = ModelDescription("m", "", labels=("a", "b", "c"), normalization=PIXELS)


def refusal(
    about: ModelDescription,
    inputs: tuple[TensorSpec, ...] = (IMAGE,),
    outputs: tuple[TensorSpec, ...] = (SCORES,),
) -> str:
    with pytest.raises(BadInput) as caught:
        check_description(about, inputs, outputs, "m.tflite")
    assert str(caught.value).startswith("m.tflite: ")
    return str(caught.value)


def test_what_fits_is_taken() -> None:
    check_description(GOOD, [IMAGE], [SCORES], "")
    check_description(replace(GOOD, normalization=None), [SCORES], [tensor([1, 1, 1, 3])], "")
    check_description(ModelDescription("m", ""), [IMAGE, SCORES], [SCORES, SCORES], "")
    many = replace(GOOD, normalization=Normalization((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)))
    check_description(many, [IMAGE], [SCORES], "")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"labels": ("a", "b")}, "2 labels for 3 outputs"),
        ({"labels": ("a", "b", "")}, "the label '' is no line"),
        ({"labels": ("a", "b\nb", "c")}, "is no line of text"),
        ({"labels": ()}, "needs labels"),
        ({"normalization": Normalization((1.0, 2.0), (1.0, 2.0))}, "2 values of mean for 3"),
        ({"normalization": Normalization((1.0,), (1.0, 1.0, 1.0))}, "3 values of std for 3"),
        ({"normalization": Normalization((1.0,), (0.0,))}, "std must be above 0"),
        ({"normalization": Normalization((1.0,), (float("inf"),))}, "std is not finite"),
        ({"normalization": Normalization((float("nan"),), (1.0,))}, "mean is not finite"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], part: str) -> None:
    assert part in refusal(replace(GOOD, **change))


@pytest.mark.parametrize(
    "inputs",
    [(), (IMAGE, IMAGE), *((tensor(s),) for s in ([1, 48], [1, 4, 4, 2], [2, 4, 4, 3]))],
)
def test_mean_and_std_are_for_one_image(inputs: tuple[TensorSpec, ...]) -> None:
    assert "mean and std are for one image" in refusal(GOOD, inputs)


def test_labels_are_for_one_output() -> None:
    assert "labels need one output, and there are 2" in refusal(GOOD, outputs=(SCORES, SCORES))


@given(scale=st.floats(0.001, 1), zero_point=st.integers(0, 255), wrong=st.floats(1.02, 2))
def test_a_uint8_input_is_normalised_by_its_own_quantization(
    scale: float, zero_point: int, wrong: float
) -> None:
    image = tensor([1, 4, 4, 3], "uint8", scale, zero_point)
    right = Normalization((float(zero_point),), (1 / scale,))
    check_description(replace(GOOD, normalization=right), [image], [SCORES], "")
    shifted = Normalization((zero_point + 1.0,), right.std)
    assert "of its uint8 input" in refusal(replace(GOOD, normalization=shifted), (image,))
    wider = Normalization(right.mean, (right.std[0] * wrong,))
    assert f"mean {zero_point}, std" in refusal(replace(GOOD, normalization=wider), (image,))
