"""The whole measurement through the real client: what it gives, and what each fault makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekd.devices.adb.figures import STAND_IN_REASON
from edgekd.devices.contract import Figures
from edgekd.devices.host import HostDevice
from edgekd.errors import BadInput
from edgekd.files import cache_folder
from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.measuring import (
    ITERATIONS,
    NATIVE_HEAP_BYTES,
    PEAK_BYTES,
    PSS_BEFORE_BYTES,
    PSS_BYTES,
    REPETITIONS,
    device,
    phone_target,
    samples,
    steady,
)
from tests.devices.adb.peer import Phone, application, faults
from tests.devices.adb.peer.client import connect
from tests.devices.adb.peer.faults import Moment
from tests.devices.adb.peer.host_benchmark import host_benchmark

pytestmark = pytest.mark.usefixtures("own_cache")

ENOUGH = REPETITIONS * ITERATIONS


@pytest.fixture
def phone(make_phone: MakePhone) -> Phone:
    return make_phone(benchmark=steady)


def whole(figures: Figures) -> bool:
    """Whether nothing is wrong with them but that no phone was there."""
    return figures.reasons == [STAND_IN_REASON]


def test_a_measurement(phone: Phone, model: Path) -> None:
    before = phone.state.left_set()
    figures = device(phone).measure(model, phone_target(phone))
    assert whole(figures)
    assert figures.latency_ms is not None
    assert figures.latency_ms.n == ENOUGH
    assert figures.latency_ms.p50 == pytest.approx(0.1045, abs=0.001)
    assert figures.latency_ms.p99 is not None
    assert figures.memory.peak_rss_bytes == PEAK_BYTES
    assert figures.memory.pss_bytes == PSS_BYTES
    assert figures.memory.native_heap_bytes == NATIVE_HEAP_BYTES
    assert figures.memory.ram_bytes == PSS_BYTES - PSS_BEFORE_BYTES
    assert figures.memory.model_bytes == model.stat().st_size
    facts = figures.device_facts
    assert facts is not None
    assert facts.stand_in
    assert facts.fixed_performance
    assert (facts.model, facts.api_level, facts.battery_percent) == ("Stand-in", 34, 80)
    assert (facts.application, facts.runtime_version, facts.delegate) == ("steady 1", "9.9", "cpu")
    assert phone.state.left_set() == before
    passes = [launch.text("pass") for launch in phone.application.launches]
    assert passes == ["latency"] * REPETITIONS + ["memory"]


def test_nothing_is_left_on_the_phone(phone: Phone, model: Path) -> None:
    device(phone).measure(model, phone_target(phone))
    assert not phone.path("/data/local/tmp/edgekd").exists()
    assert not list(phone.path("/data/data").rglob("*edgekd-bench*"))


def test_the_runtimes_of_this_machine_answer_for_the_app(
    make_phone: MakePhone, model: Path
) -> None:
    phone = make_phone(benchmark=host_benchmark)
    figures = device(phone).measure(model, phone_target(phone))
    assert figures.latency_ms is not None
    assert figures.latency_ms.p50 > 0
    assert (figures.memory.peak_rss_bytes or 0) > 1_000_000


def test_outputs_are_those_of_the_same_runtime_here(phone: Phone, model: Path) -> None:
    inputs, target = samples(70), phone_target(phone)
    found = device(phone).run_outputs(model, target, inputs)
    assert np.array_equal(found[0], HostDevice().run_outputs(model, target, inputs)[0])


def test_many_samples_go_in_parts(
    phone: Phone, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgekd.devices.adb.payloads.MAX_BATCH_BYTES", 1000)
    inputs, target = samples(70), phone_target(phone)
    found = device(phone).run_outputs(model, target, inputs)
    assert np.array_equal(found[0], HostDevice().run_outputs(model, target, inputs)[0])
    assert len(phone.application.launches) == 3


# Every kind of step, with what may go wrong in its middle.
STEPS: tuple[tuple[str, Moment], ...] = (
    ("settings get", "start"),
    ("settings put .* 7", "end"),
    ("set-fixed-performance-mode-enabled true", "end"),
    ("getprop", 40),
    ("mkdir -p files", "end"),
    ("SEND .*onnx", 20),
    ("SEND .*safetensors", "end"),
    ("sha256sum files", "start"),
    ("thermalservice", 5),
    ("am start", "end"),
    ("logcat", "start"),
    ("exec .*json", 100),
    ("settings put global stay_on_while_plugged_in 0", "start"),
    ("set-fixed-performance-mode-enabled false", "start"),
)


@pytest.mark.parametrize(("step", "when"), STEPS)
def test_a_dropped_connection_never_costs_the_run(
    phone: Phone, model: Path, step: str, when: Moment
) -> None:
    before = phone.state.left_set()
    target = phone_target(phone)
    phone.inject(faults.drop, matching=step, when=when)
    first = device(phone).measure(model, target)
    if not whole(first):
        connect(phone)
        assert whole(device(phone, resume=True).measure(model, target))
    timed = [one for one in phone.application.launches if one.text("pass") == "latency"]
    assert len(timed) <= REPETITIONS + 1
    assert phone.state.left_set() == before


def test_a_cable_put_back_while_it_waits_costs_one_repetition(phone: Phone, model: Path) -> None:
    phone.inject(faults.drop, matching="am start", nth=2)
    figures = device(phone).measure(model, phone_target(phone))
    assert whole(figures)
    assert figures.latency_ms is not None
    assert figures.latency_ms.n == ENOUGH
    [told] = figures.assumptions
    assert "taken again" in told
    assert "went away" in told or "broke off" in told


def test_an_unplugged_cable_loses_one_repetition_and_resume_takes_it(
    phone: Phone, model: Path
) -> None:
    before = phone.state.left_set()
    target = phone_target(phone)
    phone.inject(faults.go_offline, matching="am start", nth=2)
    first = device(phone, sleep=lambda seconds: None).measure(model, target)
    assert first.latency_ms is not None
    assert first.latency_ms.n == ITERATIONS
    assert "1 of 2 repetitions count" in first.reasons
    assert any("not put back yet" in reason for reason in first.reasons)
    assert phone.state.left_set() != before
    phone.come_back()
    connect(phone)
    taken = len(phone.application.launches)
    second = device(phone, resume=True).measure(model, target)
    assert whole(second)
    assert second.latency_ms is not None
    assert second.latency_ms.n == ENOUGH
    assert len(phone.application.launches) - taken == 2
    assert phone.state.left_set() == before


def test_without_resume_it_starts_afresh(phone: Phone, model: Path) -> None:
    phone.application.faults[1] = phone.application.faults[2] = application.crashes()
    first = device(phone, patience_seconds=0.5).measure(model, phone_target(phone))
    assert any("ended without a result" in reason for reason in first.reasons)
    assert list(cache_folder().rglob("journal.jsonl"))
    taken = len(phone.application.launches)
    assert whole(device(phone).measure(model, phone_target(phone)))
    assert len(phone.application.launches) - taken == REPETITIONS + 1
    assert not list(cache_folder().rglob("journal.jsonl"))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (application.truncated(), "no whole result"),
        (application.other_run_id(), "another run"),
        (application.oversized(40 * 1024 * 1024), "more than"),
        (application.no_result(), "left no result"),
        (application.changed_field("model_sha256", "0" * 64), "another model"),
        (application.changed_field("threads", 2), "another model, engine, pass or number"),
        (application.changed_field("extra", 1), "no whole result"),
    ],
)
def test_a_result_that_cannot_be_believed_is_taken_again(
    phone: Phone, model: Path, fault: application.AppFault, told: str
) -> None:
    phone.application.faults[0] = fault
    figures = device(phone).measure(model, phone_target(phone, repetitions=1, iterations=1000))
    assert whole(figures)
    assert any(told in line for line in figures.assumptions), figures.assumptions


def test_a_log_that_lost_the_last_line_does_not_lose_the_result(phone: Phone, model: Path) -> None:
    phone.application.faults[0] = application.no_log_line()
    figures = device(phone, patience_seconds=1.0).measure(model, phone_target(phone))
    assert whole(figures)
    assert not figures.assumptions


def test_an_app_that_hangs_is_left(phone: Phone, model: Path) -> None:
    for start in range(4):
        phone.application.faults[start] = application.hangs()
    hasty = device(phone, patience_seconds=0.5, run_seconds=1.0)
    figures = hasty.measure(model, phone_target(phone))
    assert any("did not end within 1 s" in reason for reason in figures.reasons)
    assert figures.latency_ms is None


def test_a_phone_that_hangs_is_asked_again(phone: Phone, model: Path) -> None:
    phone.inject(faults.hang, matching="mkdir -p files")
    assert whole(device(phone, call_seconds=4.0).measure(model, phone_target(phone)))


def test_an_app_that_can_write_no_result_says_why_at_once(phone: Phone, model: Path) -> None:
    def fails(launch: application.Launch) -> None:
        launch.log(f"EDGEKD_FAILED {launch.text('run_id')} storage: no space left")

    phone.application.benchmark = fails
    figures = device(phone).measure(model, phone_target(phone))
    assert any("cannot write its result: storage: no space" in one for one in figures.reasons)


def test_an_error_of_the_app_is_told(phone: Phone, model: Path) -> None:
    def fails(launch: application.Launch) -> None:
        launch.finish(
            b'{"schema": 1, "run_id": "%s", "pass": "%s", "application": "a", "threads": 1,'
            b'"engine": {"name": "onnx"}, "error": {"reason": "model", "message": "bad magic"}}'
            % (launch.text("run_id").encode(), launch.text("pass").encode())
        )

    phone.application.benchmark = fails
    figures = device(phone).measure(model, phone_target(phone))
    assert any("model: bad magic" in reason for reason in figures.reasons)


def test_no_room_is_told(phone: Phone, model: Path) -> None:
    phone.state.free_bytes = 100
    figures = device(phone).measure(model, phone_target(phone))
    assert any("bytes left" in reason for reason in figures.reasons)


def test_a_phone_that_lies_about_its_room_is_found_out(phone: Phone, model: Path) -> None:
    phone.state.free_bytes, phone.state.reported_free_bytes = 100, 10**9
    figures = device(phone).measure(model, phone_target(phone))
    assert any("cannot be copied" in reason for reason in figures.reasons), figures.reasons


def test_an_app_that_is_not_there_is_named(phone: Phone, model: Path) -> None:
    target = phone_target(phone, application="dev.edgekd.other")
    figures = device(phone).measure(model, target)
    assert any("dev.edgekd.other cannot be used" in reason for reason in figures.reasons)


def test_a_target_without_its_section_is_refused(phone: Phone, model: Path) -> None:
    target = phone_target(phone).model_copy(update={"android": None})
    with pytest.raises(BadInput, match="no section android"):
        device(phone).measure(model, target)
