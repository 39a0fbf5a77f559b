"""Parity: what diverges, what does not, and what cannot be compared."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgekd.errors import RunFailed
from edgekd.measure.parity import Stage, compare_outputs, parity_chain, sqnr_db

Logits = npt.NDArray[np.float32]
finite = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(-(2.0**100), 2.0**100, width=32),
)


@pytest.fixture
def logits() -> Logits:
    return np.random.default_rng(0).standard_normal((200, 10)).astype(np.float32)


def _noisy(logits: Logits, decibel: float) -> Logits:
    noise = np.random.default_rng(1).standard_normal(logits.shape)
    loudness = float(np.linalg.norm(logits) / np.linalg.norm(noise))
    noise *= loudness * 10 ** (-decibel / 20)
    return (logits + noise).astype(np.float32)


def test_equal_outputs_have_no_noise(logits: Logits) -> None:
    step = compare_outputs(Stage("torch", logits, False), Stage("onnx", logits.copy(), False))
    assert (step.max_abs, step.sqnr_db, step.top1_agreement, step.n) == (0, None, 1, 200)
    assert (step.step, step.against, step.diverged) == ("onnx", "torch", False)


@pytest.mark.parametrize("decibel", [20.0, 60.0])
def test_sqnr_is_the_ratio_of_energies(logits: Logits, decibel: float) -> None:
    assert sqnr_db(logits, _noisy(logits, decibel)) == pytest.approx(decibel, abs=0.01)


def test_sqnr_of_a_factor_is_closed_form(logits: Logits) -> None:
    assert sqnr_db(logits, 1.5 * logits) == pytest.approx(20 * math.log10(2))


@given(finite, st.integers(0, 2**31))
def test_sqnr_is_finite_or_none(reference: Logits, seed: int) -> None:
    candidate = np.random.default_rng(seed).permutation(reference.ravel()).reshape(reference.shape)
    ratio = sqnr_db(reference, candidate)
    assert (ratio is None) == bool(np.array_equal(reference, candidate))
    assert ratio is None or math.isfinite(ratio)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_sqnr_survives_extreme_values(scale: float) -> None:
    reference = np.array([[1.0, 2.0]]) * scale
    assert sqnr_db(reference, reference * 1.1) == pytest.approx(20.0)


def test_a_reference_of_zeros_is_far_below_any_bound() -> None:
    ratio = sqnr_db(np.zeros((2, 3)), np.ones((2, 3)))
    assert ratio is not None
    assert -1e4 < ratio < -1e3


@pytest.mark.parametrize(
    ("before", "after", "diverged"),
    [(False, False, True), (False, True, False), (True, True, False)],
)
def test_noise_alone_counts_only_between_floats(
    logits: Logits, before: bool, after: bool, diverged: bool
) -> None:
    logits[:, 3] += 100.0  # the decision is safe
    step = compare_outputs(Stage("a", logits, before), Stage("b", _noisy(logits, 30), after))
    assert step.top1_agreement == 1
    assert step.diverged is diverged


@pytest.mark.parametrize(("flips", "diverged"), [(2, False), (3, True)])
def test_decisions_may_differ_on_one_per_cent(logits: Logits, flips: int, diverged: bool) -> None:
    changed = logits.copy()
    changed[:flips] *= -1
    step = compare_outputs(Stage("int8", logits, True), Stage("device", changed, True))
    assert step.top1_agreement == 1 - flips / 200
    assert step.diverged is diverged


def test_the_chain_names_the_first_divergence(logits: Logits) -> None:
    broken = np.roll(logits, 1, axis=1)
    parity = parity_chain(
        [
            Stage("torch", logits, False),
            Stage("torch-int8", _noisy(logits, 60), True),
            Stage("host-litert", broken, True),
            Stage("device", broken, True),
        ]
    )
    assert [step.diverged for step in parity.steps] == [False, True, False]
    assert parity.first_divergence == "host-litert"
    # The record's own figures are the last step's.
    assert (parity.against, parity.sqnr_db, parity.top1_agreement) == ("host-litert", None, 1)


def test_a_sound_chain_names_none(logits: Logits) -> None:
    parity = parity_chain([Stage("torch", logits, False), Stage("onnx", logits, False)])
    assert parity.first_divergence is None


def test_a_chain_needs_a_reference(logits: Logits) -> None:
    with pytest.raises(RunFailed, match="reference"):
        parity_chain([Stage("torch", logits, False)])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_broken_output_is_named(logits: Logits, value: float) -> None:
    broken = logits.copy()
    broken[[4, 9], 2] = value
    with pytest.raises(RunFailed, match=r"^host-onnx: 2 of 200 outputs hold NaN or infinity$"):
        parity_chain([Stage("torch", logits, False), Stage("host-onnx", broken, False)])


def test_shapes_must_match(logits: Logits) -> None:
    with pytest.raises(RunFailed, match=r"\(200, 9\).*\(200, 10\) of torch"):
        compare_outputs(Stage("torch", logits, False), Stage("b", logits[:, :9], False))


def test_no_samples_are_no_parity() -> None:
    empty = np.zeros((0, 10), np.float32)
    with pytest.raises(RunFailed, match="no samples"):
        compare_outputs(Stage("a", empty, False), Stage("b", empty, False))


def test_further_axes_are_flattened() -> None:
    maps = np.random.default_rng(2).standard_normal((5, 3, 4, 4))
    step = compare_outputs(Stage("a", maps, False), Stage("b", maps + 1e-6, False))
    assert step.n == 5
    assert step.top1_agreement == 1
