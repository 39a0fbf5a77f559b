"""Each fault of a latency run has its reason, and a steady run has none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edgekd.measure.validity import Clocks, check_latency

IDLE = Clocks(wall=2.0, process=1.99, main_thread=1.99)


def _steady(n: int, ms: float = 1.0) -> npt.NDArray[np.float64]:
    return ms * (1 + 0.05 * np.random.default_rng(0).random(n))


def test_a_steady_run_is_valid() -> None:
    assert check_latency(_steady(1000), IDLE) == []
    assert check_latency(_steady(1000)) == []


def test_outliers_do_not_invalidate() -> None:
    samples = _steady(1000)
    samples[::50] *= 100
    assert check_latency(samples, IDLE) == []


@pytest.mark.parametrize(
    ("n", "ms", "valid"),
    [(999, 1.0, False), (1000, 1.0, True), (6, 2000.0, True), (5, 9000.0, False)],
)
def test_samples_must_be_enough(n: int, ms: float, valid: bool) -> None:
    reasons = check_latency(_steady(n, ms))
    assert [reason.split(":")[0] for reason in reasons] == ([] if valid else ["too few samples"])


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_drift_is_seen_in_both_directions(factor: float) -> None:
    samples = _steady(1200) * np.linspace(1, factor, 1200)
    reasons = check_latency(samples, IDLE)
    assert len(reasons) == 1
    assert reasons[0].startswith("drift: median")


def test_a_starved_run_names_its_share() -> None:
    reasons = check_latency(_steady(1000), Clocks(wall=2.0, process=1.0, main_thread=1.0))
    assert reasons == ["other load on the machine: the run got 50% of a core"]


@pytest.mark.parametrize(("threads", "reasons"), [(1, 1), (2, 0)])
def test_helper_threads_count_against_a_single_thread(threads: int, reasons: int) -> None:
    clocks = Clocks(wall=2.0, process=3.0, main_thread=2.0)
    found = check_latency(_steady(1000), clocks, threads)
    assert len(found) == reasons
    assert all("33% of the CPU time" in reason for reason in found)


def test_every_reason_is_given() -> None:
    samples = np.concatenate([_steady(50), _steady(50, 3.0)])
    assert len(check_latency(samples, Clocks(wall=1.0, process=0.5, main_thread=0.2))) == 4
