from __future__ import annotations

import numpy as np
import pytest
import torch

from edgekd.data.views import ImageViews, Mix, StoredViews, view_table
from edgekd.recipe import Augmentation

AUGMENTATION = Augmentation(views=4, rotation=15, translation=0.1, scaling=0.1, flip=True)


ZERO, ONE = np.zeros(1, np.float32), np.ones(1, np.float32)


def views_of(table: np.ndarray, images: np.ndarray, mix: Mix | None = None) -> ImageViews:
    return ImageViews(images, table, 1 / 255, ZERO, ONE, mix)


def test_view_zero_is_the_sample_itself() -> None:
    images = np.random.default_rng(0).integers(0, 255, (3, 1, 8, 8), dtype=np.uint8)
    views = views_of(view_table(AUGMENTATION, 4, 3, 0), images)
    batch = views.batch(torch.zeros(3, dtype=torch.int64), torch.arange(3))
    np.testing.assert_allclose(batch.numpy(), images / 255, atol=1e-5)


def test_a_view_is_a_function_of_its_indices() -> None:
    images = np.random.default_rng(0).integers(0, 255, (5, 1, 8, 8), dtype=np.uint8)
    views = views_of(view_table(AUGMENTATION, 4, 5, 0), images)
    whole = views.batch(torch.full((5,), 2), torch.arange(5))
    single = views.batch(torch.tensor([2]), torch.tensor([3]))
    torch.testing.assert_close(whole[3:4], single)


def test_the_seed_decides_and_bounds_hold() -> None:
    first, again, other = (view_table(AUGMENTATION, 4, 50, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert np.abs(first[..., 0]).max() <= np.radians(15) + 1e-6
    assert np.abs(first[..., 1:3]).max() <= 0.2 + 1e-6
    assert np.abs(first[..., 3] - 1).max() <= 0.1 + 1e-6
    assert set(np.unique(first[1:, :, 4])) == {-1.0, 1.0}


@pytest.mark.parametrize(("shift", "expected"), [(0.25, (3, 2)), (-0.25, (3, 4))])
def test_a_shift_moves_by_its_share_of_the_side(shift: float, expected: tuple[int, int]) -> None:
    image = np.zeros((1, 1, 8, 8), np.uint8)
    image[0, 0, 3, 3] = 255
    table = view_table(None, 2, 1, 0)
    table[1, 0, 1] = 2 * shift / 2
    moved = views_of(table, image).batch(torch.tensor([1]), torch.tensor([0]))[0, 0]
    assert np.unravel_index(int(moved.argmax()), moved.shape) == expected


def test_mirror() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4)
    table = view_table(None, 2, 1, 0)
    table[1, 0, 4] = -1
    mirrored = views_of(table, image).batch(torch.tensor([1]), torch.tensor([0]))
    np.testing.assert_allclose(mirrored.numpy(), image[..., ::-1] / 255, atol=1e-6)


def test_features_have_no_geometry() -> None:
    features = np.random.default_rng(0).random((4, 6), dtype=np.float32)
    views = ImageViews(features, view_table(None, 1, 4, 0), 1.0, ZERO + 0.5, ONE * 2)
    batch = views.batch(torch.zeros(4, dtype=torch.int64), torch.arange(4))
    np.testing.assert_allclose(batch.numpy(), (features - 0.5) / 2, rtol=1e-6)


def test_mixing_is_the_weighted_sum_of_two_views() -> None:
    images = np.random.default_rng(0).integers(0, 255, (6, 1, 8, 8), dtype=np.uint8)
    mix = Mix(0.4, np.array([0, 0, 0, 1, 1, 1]), 4, 0)
    table = view_table(AUGMENTATION, 4, 6, 0)
    mixed, plain = views_of(table, images, mix), views_of(table, images)
    views, samples = torch.tensor([0, 1, 2, 3]), torch.tensor([0, 1, 4, 5])
    partners, shares = mix.of(views, samples)
    weights = shares.reshape(-1, 1, 1, 1)
    expected = (1 - weights) * plain.batch(views, samples) + weights * plain.batch(views, partners)
    torch.testing.assert_close(mixed.batch(views, samples), expected)
    assert shares[0] == 0
    assert (shares <= 0.4).all()
    assert ((partners < 3) == (samples < 3)).all()


def test_stored_views_are_read_by_index() -> None:
    rendered = np.random.default_rng(0).random((3, 5, 1, 4, 2), dtype=np.float32)
    mean, std = np.array([0.1, 0.2], np.float32), np.array([1.0, 2.0], np.float32)
    views = StoredViews(rendered, mean, std)
    assert (views.views, views.samples) == (3, 5)
    batch = views.batch(torch.tensor([2, 0]), torch.tensor([4, 1])).numpy()
    np.testing.assert_allclose(batch[0], (rendered[2, 4] - mean) / std, rtol=1e-6)
    np.testing.assert_allclose(batch[1], (rendered[0, 1] - mean) / std, rtol=1e-6)
