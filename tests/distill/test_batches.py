from __future__ import annotations

import numpy as np

from edgekd.data.views import ImageViews, Mix
from edgekd.distill.batches import RandomBatches, TrainingBatches

SAMPLES = 60
LABELS = (np.arange(SAMPLES) % 3).astype(np.int64)


def views_of(views: int, mix: Mix | None = None) -> ImageViews:
    table = np.zeros((views, SAMPLES, 5), np.float32)
    inputs = np.arange(SAMPLES, dtype=np.float32)[:, None].repeat(4, 1)
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    return ImageViews(inputs, table, 1.0, zero, one, mix)


def test_batches_cover_every_member_before_any_twice() -> None:
    members = np.array([2, 3, 5, 7])
    sampler = RandomBatches(members, samples=10, views=3, steps=7, batch_size=4, seed=0)
    batches = list(sampler)
    assert len(batches) == 7
    for batch in batches:
        assert sorted(code % 10 for code in batch) == [2, 3, 5, 7]
        assert all(0 <= code // 10 < 3 for code in batch)


def test_answers_come_from_the_same_view() -> None:
    logits = np.arange(3 * SAMPLES * 3, dtype=np.float32).reshape(3, SAMPLES, 3)
    tap = logits.astype(np.float16)[:1]
    batches = TrainingBatches(views_of(3), LABELS, {"logits": logits, "tap": tap})
    batch = batches.__getitems__([2 * SAMPLES + 7, 0, SAMPLES + 59])
    np.testing.assert_array_equal(batch.teacher["logits"].numpy(), logits[[2, 0, 1], [7, 0, 59]])
    # Answers that are the same for every view are kept once.
    np.testing.assert_array_equal(batch.teacher["tap"].numpy(), tap[0, [7, 0, 59]])
    assert batch.teacher["tap"].dtype == batch.inputs.dtype
    np.testing.assert_array_equal(batch.labels.numpy(), LABELS[[7, 0, 59]])
    assert len(batch.partner_shares) == 0


def test_a_mixed_sample_brings_its_partners_label() -> None:
    mix = Mix(0.5, np.zeros(SAMPLES), 2, 3)
    batches = TrainingBatches(views_of(2, mix), LABELS)
    batch = batches.__getitems__([SAMPLES + number for number in range(SAMPLES)])
    # The input of sample i is i: the mixture tells its partner.
    shares = batch.partner_shares.numpy()
    mixed = batch.inputs.numpy()[:, 0]
    some = shares > 0.05
    partners = np.arange(SAMPLES) + (mixed - np.arange(SAMPLES)) / np.maximum(shares, 1e-6)
    expected = LABELS[np.rint(partners[some]).astype(int)]
    np.testing.assert_array_equal(batch.partner_labels.numpy()[some], expected)
