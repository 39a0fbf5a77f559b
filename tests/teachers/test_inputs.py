"""The student's view becomes the teacher's: checked against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch

from edgekd.errors import BadInput
from edgekd.recipe import TeacherInputs
from edgekd.teachers.inputs import layout_of, teacher_inputs

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)


def pixels(channels: int = 3, size: int = 8) -> torch.Tensor:
    return torch.rand(4, channels, size, size, generator=torch.Generator().manual_seed(0))


def seen_by_student(images: torch.Tensor) -> torch.Tensor:
    return (images - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def test_nothing_is_changed_where_nothing_is_said() -> None:
    batch = seen_by_student(pixels())
    assert teacher_inputs(batch, TeacherInputs(), MEAN, STD) is batch
    features = torch.rand(3, 7)
    assert teacher_inputs(features, TeacherInputs(), [0.5], [0.5]) is features


def test_the_data_is_undone_and_the_teacher_applied() -> None:
    images = pixels()
    spec = TeacherInputs(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
    seen = teacher_inputs(seen_by_student(images), spec, MEAN, STD)
    for channel, (mean, std) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        torch.testing.assert_close(seen[:, channel], (images[:, channel] - mean) / std)


def test_pixels_from_0_to_255() -> None:
    images = pixels()
    spec = TeacherInputs(mean=[0.0], std=[1 / 255], layout="NHWC")
    seen = teacher_inputs(seen_by_student(images), spec, MEAN, STD)
    torch.testing.assert_close(seen, images.permute(0, 2, 3, 1) * 255, rtol=1e-4, atol=1e-3)
    assert seen.is_contiguous()


def test_a_mean_alone_keeps_the_data_s_deviation() -> None:
    images = pixels()
    seen = teacher_inputs(seen_by_student(images), TeacherInputs(mean=[0.0]), MEAN, STD)
    torch.testing.assert_close(seen, images / torch.tensor(STD).view(1, 3, 1, 1))


def test_grey_is_repeated() -> None:
    grey = pixels(1)
    spec = TeacherInputs(channels=3, mean=[0.1, 0.2, 0.3], std=[0.5, 0.5, 0.5])
    seen = teacher_inputs((grey - 0.5) / 0.25, spec, [0.5], [0.25])
    assert seen.shape == (4, 3, 8, 8)
    for channel, mean in enumerate((0.1, 0.2, 0.3)):
        torch.testing.assert_close(seen[:, channel], (grey[:, 0] - mean) / 0.5)
    assert teacher_inputs(grey, TeacherInputs(channels=1), [0.5], [0.25]) is grey


def test_resizing() -> None:
    ramp = torch.arange(8.0).repeat(1, 1, 8, 1)
    half = teacher_inputs(ramp, TeacherInputs(size=(4, 4)), [0.0], [1.0])
    # Halved with antialiasing: a triangle of weights 1 3 3 1, cut off and scaled at the border.
    expected = torch.tensor([(3 * 0 + 3 * 1 + 1 * 2) / 7, 2.5, 4.5, (5 + 3 * 6 + 3 * 7) / 7])
    torch.testing.assert_close(half[0, 0], expected.repeat(4, 1))
    double = teacher_inputs(ramp, TeacherInputs(size=(16, 16)), [0.0], [1.0])
    assert double.shape == (1, 1, 16, 16)
    torch.testing.assert_close(double[0, 0, 0, 1:5], torch.tensor([0.25, 0.75, 1.25, 1.75]))
    assert teacher_inputs(ramp, TeacherInputs(size=(8, 8)), [0.0], [1.0]) is ramp


def test_features() -> None:
    features = torch.rand(3, 7)
    spec = TeacherInputs(mean=[0.0], std=[1.0])
    seen = teacher_inputs((features - 0.5) / 0.25, spec, [0.5], [0.25])
    torch.testing.assert_close(seen, features)
    with pytest.raises(BadInput, match=r"are for images; the inputs have shape \['N', 7\]"):
        teacher_inputs(features, TeacherInputs(size=(4, 4)), [0.5], [0.25])


def test_what_does_not_fit() -> None:
    with pytest.raises(BadInput, match=r"teacher\.inputs\.channels: the images have 3 channels"):
        teacher_inputs(pixels(), TeacherInputs(channels=1), MEAN, STD)
    with pytest.raises(BadInput, match=r"teacher\.inputs\.std: holds 2 values for 3 channels"):
        teacher_inputs(pixels(), TeacherInputs(std=[0.5, 0.5]), MEAN, STD)


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((None, 3, 32, 32), "NCHW"),
        ((1, 1, 49, 10), "NCHW"),
        ((None, 32, 32, 3), "NHWC"),
        ((None, 49, 10, 1), "NHWC"),
        ((None, 3, 5, 3), None),
        ((None, None, None, None), None),
        ((None, 640), None),
        (None, None),
    ],
)
def test_layouts(shape: tuple[int | None, ...] | None, layout: str | None) -> None:
    assert layout_of(shape) == layout
