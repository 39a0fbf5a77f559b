"""Every fault at every kind of step of ``edgekd bench`` on a phone, and what must come of it.

The steps are those of a recorded run without a fault. Each case ends in a whole record, or in an
invalid one that says why and that ``--resume`` makes whole; what was set on the phone is put back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from edgekd.devices.adb import client, program
from edgekd.devices.adb.figures import STAND_IN_REASON
from edgekd.devices.contract import Array
from edgekd.devices.host import HostDevice
from edgekd.pipeline.foreign.bench import bench_file
from edgekd.records import Measurement
from edgekd.target import Target
from tests.devices.adb.measuring import (
    REPETITIONS,
    DescribedOnce,
    phone_target,
    steady,
    write_model,
)
from tests.devices.adb.peer import APPLICATION, Package, Phone, PhoneState, application, faults
from tests.devices.adb.peer.client import call_adb, connect
from tests.devices.adb.peer.connection import Stream

# A call that hangs is given up after these; nothing that is checked depends on them.
_HASTY_SECONDS = 3.0
_PATIENCE_SECONDS = 1.0
_BENCH = "edgekd.pipeline.foreign.bench"
_NUMBERS = re.compile(r"; echo edgekd-[0-9a-f]{16}:\$\?$|\b[0-9a-f]{32}\b")


@dataclass(frozen=True)
class Trouble:
    """A fault.

    Attributes:
        fault: of the stand-in.
        when: in which moment of its step it strikes.
        told: what one of the reasons of an invalid record says, as a regular expression.
        returns: whether the cable is put back while the measurement waits.
        hasty: whether calls must be given up soon.
    """

    fault: faults.Fault
    when: faults.Moment = "start"
    told: str = "."
    returns: bool = True
    hasty: bool = False


@dataclass(frozen=True)
class Spot:
    """The ``nth`` step of one kind."""

    kind: str
    nth: int


def _set(**values: object) -> faults.Fault:
    def how(state: PhoneState) -> None:
        for name, value in values.items():
            setattr(state, name, value)

    return faults.change(how)


def _discharged(state: PhoneState) -> None:
    state.battery.percent, state.battery.plugged = 5, ""


def _slowly(phone: faults.Subject, stream: Stream) -> None:
    """Others are served first: the step goes on when the phone has answered another call."""
    call_adb("devices")


_LOST = r"went away|broke off|not connected|offline|put back|not removed|copied|cannot be|whole"
_REFUSED = {APPLICATION: Package(debuggable=False)}
_NO_ACCESS = r"run-as|cannot be used|no whole result|ended without|left no result|does not start"

TROUBLES: dict[str, Trouble] = {
    "drop": Trouble(faults.drop, told=_LOST),
    "drop in the middle": Trouble(faults.drop, 3, told=_LOST),
    "drop before the answer": Trouble(faults.drop, "end", told=_LOST),
    "offline": Trouble(faults.go_offline, told=_LOST, returns=False),
    "offline and back": Trouble(faults.go_offline, told=_LOST),
    "hang": Trouble(faults.hang, hasty=True, told="did not end within|put back|not removed"),
    "answer slowly": Trouble(_slowly),
    "non-zero exit": Trouble(
        faults.refuse(1, "the fault"), told="the fault|not removed|no whole|left"
    ),
    "throttle": Trouble(_set(thermal_status=3), told="throttled"),
    "battery low": Trouble(faults.change(_discharged), told="low battery"),
    "screen off": Trouble(_set(screen_on=False), told="screen was off"),
    "lie about free space": Trouble(
        _set(free_bytes=100, reported_free_bytes=10**9), told="copied|No space|whole|result|cp"
    ),
    "run-as refused": Trouble(_set(packages=_REFUSED), told=_NO_ACCESS),
    "app not installed": Trouble(_set(packages={}), told=_NO_ACCESS),
}
APP_FAULTS: dict[str, application.AppFault] = {
    "partial result": application.truncated(),
    "other run id": application.other_run_id(),
    "oversized": application.oversized(40 * 1024 * 1024),
    "no log line": application.no_log_line(),
    "no result": application.no_result(),
    "crash": application.crashes(),
    "app hangs": application.hangs(),
}


class _HostOnce(HostDevice):
    """This machine, which runs the model only once, as the samples stay the same."""

    def run_outputs(
        self, artifact: Path, target: Target, inputs: Sequence[Array], *, reference: bool = False
    ) -> list[Array]:
        key = (artifact.read_bytes(), *(array.tobytes() for array in inputs))
        if key not in _known_outputs:
            _known_outputs[key] = super().run_outputs(artifact, target, inputs)
        return _known_outputs[key]


_known_outputs: dict[tuple[bytes, ...], list[Array]] = {}


class Bench:
    """``edgekd bench`` on one stand-in that is whole and connected.

    Attributes:
        phone: the stand-in.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.phone = Phone(folder / "phone", benchmark=steady)
        connect(self.phone)
        self._model = write_model(folder / "model.onnx")
        self._target = folder / "phone.yaml"
        fields = phone_target(self.phone, cool_down_seconds=10).model_dump(mode="json")
        self._target.write_text(json.dumps({**fields, "name": "phone"}), encoding="utf-8")
        self._cache = folder / "cache"

    def run(self, *, resume: bool, trouble: Trouble | None = None) -> Measurement:
        """One call of ``edgekd bench``."""
        hasty = trouble is not None and trouble.hasty
        make = partial(DescribedOnce, sleep=self._waits(trouble))
        if hasty:
            patience, longest = _PATIENCE_SECONDS, 3 * _PATIENCE_SECONDS
            make = partial(make, patience_seconds=patience, run_seconds=longest)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(self._cache))
            patch.setattr(f"{_BENCH}.AdbDevice", make)
            patch.setattr(f"{_BENCH}.find_device", lambda name: make())
            patch.setattr(f"{_BENCH}.HostDevice", _HostOnce)
            if hasty:
                patch.setattr(client, "call_adb", _hasty_adb)
            [record] = bench_file(self._model, str(self._target), None, 0, resume=resume)
        return record

    def repair(self) -> None:
        """The user puts all right, but for what edgekd itself must put back."""
        whole, state = PhoneState(), self.phone.state
        state.thermal_status, state.battery = whole.thermal_status, whole.battery
        state.free_bytes, state.reported_free_bytes = whole.free_bytes, None
        state.packages, state.screen_on = whole.packages, True
        self._plug_in()

    def left(self) -> dict[str, object]:
        """What a measurement may leave on the phone."""
        files = [self.phone.path("/data/local/tmp"), self.phone.path(f"/data/data/{APPLICATION}")]
        found = [str(path) for folder in files for path in folder.rglob("*edgekd*")]
        running = self.phone.application.running
        return {**self.phone.state.left_set(), "files": found, "running": running}

    def valid_repetitions(self) -> int:
        """How many repetitions the journal holds that count."""
        lines = [
            json.loads(line)
            for path in self._cache.rglob("journal.jsonl")
            for line in path.read_text(encoding="utf-8").splitlines()[1:]
        ]
        return sum(one["result"]["pass"] == "latency" and not one["reasons"] for one in lines)

    def timed(self) -> int:
        """How often the app was started to time the model."""
        return sum(one.text("pass") == "latency" for one in self.phone.application.launches)

    def stop(self) -> None:
        call_adb("disconnect", self.phone.serial)
        self.phone.stop()

    def _waits(self, trouble: Trouble | None) -> Callable[[float], None]:
        def sleep(seconds: float) -> None:
            if trouble is None or trouble.returns:
                self._plug_in()

        return sleep

    def _plug_in(self) -> None:
        self.phone.come_back()
        connect(self.phone)


def _hasty_adb(arguments: Sequence[str], *, seconds: float, most_bytes: int) -> program.Called:
    limit = min(seconds, _HASTY_SECONDS)
    return program.call_adb(arguments, seconds=limit, most_bytes=most_bytes)


def record_spots(folder: Path, *, every: bool = False) -> list[Spot]:
    """The steps of a run without a fault: the last one of each kind, or every one."""
    bench = Bench(folder)
    try:
        assert bench.run(resume=False).reasons == [STAND_IN_REASON]
        kinds = [_NUMBERS.sub("#", step) for step in bench.phone.steps]
    finally:
        bench.stop()
    spots = [Spot(kind, kinds[: index + 1].count(kind)) for index, kind in enumerate(kinds)]
    return spots if every else [spot for spot in spots if spot.nth == kinds.count(spot.kind)]


def has_middle(spot: Spot) -> bool:
    """Whether data is sent in a step."""
    return "STA2" not in spot.kind


def check_trouble(folder: Path, trouble: Trouble, spot: Spot) -> None:
    """One fault at one step.

    Raises:
        AssertionError: it does not end as it must.
    """
    bench = Bench(folder)
    try:
        parts = map(re.escape, spot.kind.removesuffix("#").split("#"))
        pattern = "^" + "[0-9a-f]{32}".join(parts)
        bench.phone.inject(trouble.fault, matching=pattern, nth=spot.nth, when=trouble.when)
        _check(bench, trouble)
        assert bench.phone.struck, "the fault did not strike"
    finally:
        bench.stop()


def check_app_fault(folder: Path, fault: application.AppFault, start: int) -> None:
    """The app errs in one of its starts.

    Raises:
        AssertionError: it does not end as it must.
    """
    bench = Bench(folder)
    try:
        bench.phone.application.faults[start] = fault
        hasty = fault.hangs or fault.crashes or not fault.says_done
        _check(bench, Trouble(faults.hang, hasty=hasty))
    finally:
        bench.stop()


def _check(bench: Bench, trouble: Trouble) -> None:
    before = bench.left()
    first = bench.run(resume=False, trouble=trouble)
    if first.reasons == [STAND_IN_REASON]:
        assert first.latency_ms is not None
        assert first.memory is not None
        assert bench.left() == before
        return
    reasons = [reason for reason in first.reasons if reason != STAND_IN_REASON]
    assert any(re.search(trouble.told, reason) for reason in reasons), first.reasons
    told = any(re.search("not put back yet|not removed yet", reason) for reason in reasons)
    assert told or bench.left() == before, (bench.left(), reasons)
    kept, taken = bench.valid_repetitions(), bench.timed()
    bench.repair()
    second = bench.run(resume=True)
    assert second.reasons == [STAND_IN_REASON], second.reasons
    assert bench.timed() - taken == REPETITIONS - kept
    assert bench.left() == before
