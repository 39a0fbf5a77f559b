"""``edgekd push``: bundles reach the app whole or not at all, and nothing is left in between."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from edgekd.android.bundles import CheckedBundle, check_bundle
from edgekd.android.project import APPLICATION
from edgekd.android.push import push_bundles
from edgekd.catalog import all_targets
from edgekd.devices.adb.lock import locked
from edgekd.devices.adb.problems import ApplicationMissing, NoDevice, SeveralDevices
from edgekd.errors import RunFailed
from tests.android.small_bundle import write_bundle
from tests.conftest import ROOT, run_edgekd
from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.peer import Package, Phone, PhoneState, faults
from tests.devices.adb.peer.client import connect
from tests.devices.adb.peer.connection import Stream

pytestmark = pytest.mark.usefixtures("own_cache")
_TOKEN = re.compile(r"; echo edgekd-[0-9a-f]{16}:\$\?$")
NAME = "small-distilled-int8-onnx"
APP = f"/data/data/{APPLICATION}/files"


def with_app(**state: object) -> PhoneState:
    return PhoneState(packages={APPLICATION: Package()}, **state)  # type: ignore[arg-type]


@pytest.fixture
def phone(make_phone: MakePhone) -> Phone:
    return make_phone(state=with_app())


@pytest.fixture
def bundle(tmp_path: Path) -> CheckedBundle:
    return check_bundle(write_bundle(tmp_path / "bundle"))


def push(*bundles: CheckedBundle) -> None:
    assert len(list(push_bundles(bundles))) == len(bundles)


def placed(phone: Phone) -> dict[str, bytes]:
    """All files in the app's bundles."""
    folder = phone.path(f"{APP}/bundles")
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def whole(*bundles: CheckedBundle) -> dict[str, bytes]:
    """What the app's bundles must be."""
    files = ((one.name, file) for one in bundles for file in one.files)
    return {f"{name}/{file.name}": file.read_bytes() for name, file in files}


def left_over(phone: Phone) -> list[str]:
    """What is on the phone beside whole bundles."""
    beside = [path.name for path in phone.path(APP).iterdir() if path.name != "bundles"]
    return beside + [path.name for path in phone.path("/data/local/tmp").iterdir()]


def test_the_targets_name_this_app() -> None:
    named = {target.android.application for target in all_targets().values() if target.android}
    assert named - {None} == {APPLICATION}


def test_pushed_on_the_command_line(phone: Phone, tmp_path: Path) -> None:
    folders = [write_bundle(tmp_path / name, name=name) for name in ("one", "two")]
    result = run_edgekd("push", *folders)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"{phone.serial}: files/bundles/one-distilled-int8-onnx (1.32 KiB)",
        f"{phone.serial}: files/bundles/two-distilled-int8-onnx (1.32 KiB)",
    ]
    assert placed(phone) == whole(*map(check_bundle, folders))
    assert left_over(phone) == []


def test_a_former_bundle_is_replaced(phone: Phone, bundle: CheckedBundle) -> None:
    push(bundle)
    phone.path(f"{APP}/bundles/{NAME}/stale").write_bytes(b"")
    phone.path(f"{APP}/bundles/{NAME}/model.onnx").write_bytes(b"an older model")
    push(bundle)
    assert placed(phone) == whole(bundle)
    assert left_over(phone) == []


def test_nothing_is_sent_when_one_is_not_whole(phone: Phone, tmp_path: Path) -> None:
    good, bad = write_bundle(tmp_path / "good"), write_bundle(tmp_path / "bad", name="b", bytes=1)
    result = run_edgekd("push", good, bad)
    assert result.returncode == 2
    assert "bundle.json says 1" in result.stderr
    assert phone.steps == []


def kinds_of_steps(phone: Phone, bundle: CheckedBundle) -> list[tuple[str, int]]:
    """Of a push over a former bundle: each kind, and how many there are."""
    push(bundle)
    phone.steps.clear()
    push(bundle)
    names = [_TOKEN.sub("", step) for step in phone.steps]
    # ``adb`` waits for the answer to STA2 until its time is up.
    names = [name for name in names if "STA2" not in name]
    kinds = [re.sub(r"(/[\w-]+)*/[\w-]+\.\w+.*", "", name) for name in names]
    return [(kind, kinds.count(kind)) for kind in dict.fromkeys(kinds)]


@pytest.mark.parametrize(
    ("fault", "when"),
    [(faults.drop, "start"), (faults.drop, "end"), (faults.refuse(1, "the fault"), "start")],
    ids=["dropped", "dropped when done", "refused"],
)
def test_a_fault_at_each_step(
    phone: Phone, tmp_path: Path, fault: faults.Fault, when: faults.Moment
) -> None:
    pair = [
        check_bundle(write_bundle(tmp_path / label, labels=[label], golden=None))
        for label in ("older", "newer")
    ]
    kinds = kinds_of_steps(phone, pair[0])
    assert len(kinds) >= 13
    if when == "end":
        kinds = [one for one in kinds if " mv " in one[0]]
    for kind, count in kinds:
        older, newer = pair
        struck = phone.struck
        phone.inject(fault, matching=f"^{re.escape(kind)}", nth=count, when=when)
        with suppress(RunFailed):
            push(newer)
        assert phone.struck == struck + 1, kind
        gone_between = not placed(phone) and " mv " in kind and fault is faults.drop
        assert gone_between or placed(phone) in (whole(older), whole(newer)), kind
        if fault is faults.drop:
            connect(phone)
        else:
            assert left_over(phone) == [], kind
        push(newer)
        assert placed(phone) == whole(newer), kind
        assert left_over(phone) == [], kind
        pair.reverse()


@pytest.mark.parametrize(
    ("step", "placed_then"),
    [("sha256sum .*tmp.*model", "a"), (" mv .*former", "b"), (" mv .*incoming-bundle/new", "b")],
)
def test_a_push_that_is_ended_leaves_one_whole_bundle(
    phone: Phone, tmp_path: Path, step: str, placed_then: str
) -> None:
    folders = {label: write_bundle(tmp_path / label, labels=[label]) for label in ("a", "b")}
    push(check_bundle(folders["a"]))
    gate = faults.Gate()
    phone.inject(faults.wait_for(gate), matching=step)
    process = subprocess.Popen([sys.executable, "-m", "edgekd", "push", folders["b"]], cwd=ROOT)
    gate.wait_reached(process)
    # A shell that starts this in the background has SIGINT ignored.
    process.send_signal(signal.SIGTERM)
    if " mv " in step:
        gate.release()
    assert process.wait() == 128 + signal.SIGTERM
    gate.release()
    assert placed(phone) == whole(check_bundle(folders[placed_then]))
    assert left_over(phone) == []


def test_a_lost_phone_is_told(phone: Phone, bundle: CheckedBundle) -> None:
    phone.inject(faults.go_offline, matching="SEND .*model")
    with pytest.raises(RunFailed, match=r"not connected|went away|broke off|offline"):
        push(bundle)
    assert placed(phone) == {}
    phone.come_back()
    connect(phone)
    push(bundle)
    assert left_over(phone) == []


def test_other_content_is_noticed(phone: Phone, bundle: CheckedBundle) -> None:
    inside = phone.path(f"{APP}/incoming-bundle/new/model.onnx")

    def fault(subject: faults.Subject, stream: Stream) -> None:
        inside.write_bytes(inside.read_bytes()[:-1] + b"!")

    phone.inject(fault, matching="sha256sum files/.*model")
    with pytest.raises(RunFailed, match=r"model\.onnx did not arrive whole"):
        push(bundle)
    assert placed(phone) == {}
    assert left_over(phone) == []


@pytest.mark.parametrize("reported", [None, 10**9], ids=["honest", "lying"])
def test_no_space(make_phone: MakePhone, bundle: CheckedBundle, reported: int | None) -> None:
    phone = make_phone(state=with_app(free_bytes=1000, reported_free_bytes=reported))
    with pytest.raises(RunFailed, match=r"free some space on it") as raised:
        push(bundle)
    assert "\n" not in str(raised.value)
    assert placed(phone) == {}
    assert left_over(phone) == []


@pytest.mark.parametrize(
    ("packages", "told"),
    [
        ({}, "unknown package"),
        ({APPLICATION: Package(debuggable=False)}, "not debuggable"),
    ],
)
def test_an_app_that_cannot_be_used(
    make_phone: MakePhone, bundle: CheckedBundle, packages: dict[str, Package], told: str
) -> None:
    phone = make_phone(state=PhoneState(packages=packages))
    with pytest.raises(ApplicationMissing, match=f"{told}.*edgekd android build"):
        push(bundle)
    assert list(phone.path("/data/local/tmp").iterdir()) == []


def test_no_phone(adb_server: None, tmp_path: Path) -> None:
    result = run_edgekd("push", write_bundle(tmp_path / "bundle"))
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "no phone is connected" in result.stderr


def test_several_phones(make_phone: MakePhone, tmp_path: Path) -> None:
    phones = [make_phone(state=with_app()) for _ in range(2)]
    folder = write_bundle(tmp_path / "bundle")
    with pytest.raises(SeveralDevices, match="name one with --serial") as raised:
        push(check_bundle(folder))
    assert all(phone.serial in str(raised.value) for phone in phones)
    result = run_edgekd("push", folder, "--serial", phones[1].serial)
    assert result.returncode == 0, result.stderr
    assert placed(phones[0]) == {}
    assert placed(phones[1]) == whole(check_bundle(folder))
    with pytest.raises(NoDevice):
        list(push_bundles([check_bundle(folder)], "nobody"))


def test_a_phone_that_is_in_use(phone: Phone, bundle: CheckedBundle) -> None:
    with locked(phone.serial), pytest.raises(RunFailed, match="another edgekd uses this phone"):
        push(bundle)
    assert not any("run-as" in step for step in phone.steps)
