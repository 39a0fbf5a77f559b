"""One process of ``qemu-aarch64`` with a guest program in it: started, asked, always ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edgekd.devices.arm64.conversation import LOG, Guest
from edgekd.devices.arm64.cores import core_of
from edgekd.devices.arm64.sysroot import Sysroot, find_sysroot
from edgekd.devices.plugins import plugin_arguments
from edgekd.errors import BadInput, MissingPackage, RunFailed
from edgekd.processes import bounded
from edgekd.target import Target

EMULATOR = "qemu-aarch64"
# First arguments of the system calls that the plugin takes for markers: "EDK" and a number.
BASELINE, BEGIN, END = 0x45444B01, 0x45444B02, 0x45444B03
# The guest's memory lies in this range of host addresses, with nothing of the emulator's in it.
GUEST_ADDRESS, GUEST_BYTES = 0x100000000000, 0x8000000000
MODEL_FILE = "edgekd-model"
_WORKER = Path(__file__).parent / "guest" / "worker.py"
# Not where TMPDIR says: runtimes make absolute paths, whose length would be in the counts.
_WORKING_FOLDERS = "/tmp"
_STACK_BYTES = 8 * 1024 * 1024
# Of any file that the guest writes: one that writes for ever must not fill the disk.
_MAX_FILE_BYTES = 1024 * 1024 * 1024
_FIXED_ENVIRONMENT = {
    "HOME": "/",
    "LC_ALL": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # ONNX Runtime 1.31 else keeps a data base of events, in threads of its own, and sends them.
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}


@dataclass(frozen=True)
class Instruments:
    """What the emulator loads to measure.

    Attributes:
        plugin: counts.
        options: of the plugin.
        clock: takes the place of the emulator's clock, and so of the guest's.
    """

    plugin: Path
    options: Mapping[str, object]
    clock: Path


@contextmanager
def open_guest(
    artifact: Path,
    target: Target,
    timeout_seconds: float,
    instruments: Instruments | None = None,
) -> Iterator[Guest]:
    """Load an artifact with the target's runtime in an emulated process.

    The same artifact in the same sysroot runs the same instructions: environment, arguments,
    addresses, random numbers and the processor description do not depend on the host.

    Args:
        artifact: the file.
        target: names runtime and core.
        timeout_seconds: of the whole life of the guest, after which it is killed.
        instruments: of the emulator; ``None``: it only runs.

    Raises:
        BadInput: there is no such file, or the core is refused.
        MissingPackage: the emulator or the sysroot is not there.
        RunFailed: the process cannot be started.
    """
    core = core_of(target)
    if not artifact.is_file():
        raise BadInput("there is no such file", where=str(artifact))
    sysroot = installed(target)
    try:
        temporary = tempfile.TemporaryDirectory(prefix="edgekd-arm64-", dir=_WORKING_FOLDERS)
    except OSError as error:
        raise _cannot_run(error, target) from error
    with temporary as name:
        folder = Path(name)
        try:
            (folder / MODEL_FILE).symlink_to(artifact.resolve())
            command = [*_emulator(core, sysroot, instruments), *_program(sysroot, folder)]
            process = _start(command, _environment(sysroot, instruments), folder)
        except OSError as error:
            raise _cannot_run(error, target) from error
        guest = Guest(sysroot, folder, artifact.name, timeout_seconds, process)
        with _ended(guest):
            yield guest


def _cannot_run(error: OSError, target: Target) -> RunFailed:
    return RunFailed(
        f"the emulator cannot be run: {error.strerror}",
        where=target.name,
        mend=f"free some space in {_WORKING_FOLDERS}",
    )


def installed(target: Target) -> Sysroot:
    """The sysroot of a target.

    Raises:
        MissingPackage: the emulator or the sysroot is not there.
    """
    mend = f"edgekd setup {target.name}"
    if shutil.which(EMULATOR) is None:
        raise MissingPackage(f"{EMULATOR} is not installed", mend=mend)
    core = core_of(target)
    sysroot = find_sysroot(target.runtime, core)
    if sysroot is None:
        raise MissingPackage(f"there is no sysroot with {target.runtime} for {core}", mend=mend)
    return sysroot


@contextmanager
def _ended(guest: Guest) -> Iterator[None]:
    """Kill the process when its time is over, and at the end whatever happens."""
    process = guest.process

    def stop() -> None:
        guest.late.set()
        _kill(process)

    timer = threading.Timer(guest.timeout_seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if process.poll() is None:
            _kill(process)
        process.wait()
        for stream in (process.stdin, process.stdout):
            # What could not be written any more is tried again when it is closed.
            with suppress(BrokenPipeError):
                assert stream is not None
                stream.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _emulator(core: str, sysroot: Sysroot, instruments: Instruments | None) -> list[str]:
    return [
        *(EMULATOR, "-cpu", core, "-L", str(sysroot.root), "-seed", "0", "-s", str(_STACK_BYTES)),
        *("-B", f"{GUEST_ADDRESS:#x}", "-R", f"{GUEST_BYTES:#x}"),
        # What is loaded before the emulator's libraries is not the guest's business.
        *("-U", "LD_PRELOAD"),
        *(plugin_arguments(instruments.plugin, instruments.options) if instruments else ()),
    ]


def _program(sysroot: Sysroot, folder: Path) -> list[str]:
    """The guest program as the guest names it: its paths must not depend on the host's."""
    markers = [str(marker) for marker in (BASELINE, BEGIN, END)]
    if sysroot.runner is not None:
        return ["-0", "runner", str(sysroot.runner), MODEL_FILE, *markers[1:]]
    assert sysroot.python is not None
    shutil.copyfile(_WORKER, folder / _WORKER.name)
    python = ["-0", _inside(sysroot.python, sysroot), str(sysroot.python), "-s", "-P"]
    return [*python, _WORKER.name, sysroot.runtime, MODEL_FILE, *markers]


def _inside(path: Path, sysroot: Sysroot) -> str:
    """A path of the sysroot as the guest sees it."""
    return f"/{path.relative_to(sysroot.root)}"


def _environment(sysroot: Sysroot, instruments: Instruments | None) -> dict[str, str]:
    environment = dict(_FIXED_ENVIRONMENT)
    if sysroot.site_packages is not None:
        environment["PYTHONPATH"] = _inside(sysroot.site_packages, sysroot)
    if instruments is not None:
        environment["LD_PRELOAD"] = str(instruments.clock)
    return environment


def _start(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    allowed = sorted(os.sched_getaffinity(0))
    within_bounds = bounded(
        [shutil.which(command[0]) or command[0], *command[1:]],
        file_bytes=_MAX_FILE_BYTES,
        # The emulator tells the guest how many processors it may use; which one does not matter.
        processor=allowed[os.getpid() % len(allowed)],
        # Huge pages would count as the model's memory.
        huge_pages=False,
    )
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen(
            within_bounds,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
