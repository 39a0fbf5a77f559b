"""The phone's file tree in a temporary folder, and who may do what in it."""

from __future__ import annotations

import errno
import os
import posixpath
import shutil
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from tests.devices.adb.peer.state import PhoneState

LOCAL = "/data/local/tmp"
SHARED = "/storage/emulated/0"
_ALIASES = {"/sdcard": SHARED, "/mnt/sdcard": SHARED, "/data/user/0": "/data/data"}
_READ_ONLY = ("/proc", "/sys", "/system", "/vendor")
_CPU = "/sys/devices/system/cpu"


@dataclass(frozen=True)
class User:
    """Who runs a command: the user ``shell``, or an app by ``run-as``."""

    package: str | None = None

    @property
    def home(self) -> str:
        return "/" if self.package is None else f"/data/data/{self.package}"

    def may_read(self, path: str) -> bool:
        if self.package is None:
            return not _below(path, "/data") or _below(path, LOCAL)
        return self.may_write(path) or _below(path, LOCAL) or _below(path, *_READ_ONLY)

    def may_write(self, path: str) -> bool:
        if self.package is None:
            return _below(path, LOCAL, SHARED)
        return _below(path, self.home, f"{SHARED}/Android/data/{self.package}")


SHELL = User()


def _below(path: str, *folders: str) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


class Tree:
    """Paths of the phone, and the host's path of each."""

    def __init__(self, root: Path, state: PhoneState) -> None:
        self.root = root.resolve()
        self._state = state
        for folder in (LOCAL, f"{SHARED}/Download", "/proc", "/system/bin", "/data/data"):
            self.host(folder).mkdir(parents=True, exist_ok=True)
        self.refresh()

    def host(self, path: str) -> Path:
        """Where a path of the phone lies on this machine."""
        return self.root / self.device(path).lstrip("/")

    def device(self, path: str, folder: str = "/") -> str:
        """The absolute path, without links or dots."""
        whole = posixpath.normpath(posixpath.join(folder, path))
        for alias, target in _ALIASES.items():
            if _below(whole, alias):
                return target + whole[len(alias) :]
        return "/" + whole.lstrip("/")

    def readable(self, path: str, user: User, folder: str = "/") -> Path:
        """The host's path of a file that this user may read, which need not exist.

        Raises:
            PermissionError: as on a phone.
        """
        whole = self.device(path, folder)
        if not user.may_read(whole):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return self.host(whole)

    def writable(self, path: str, user: User, folder: str = "/") -> Path:
        """Likewise for a file that this user may make, change or remove."""
        whole = self.device(path, folder)
        if not user.may_write(whole):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return self.host(whole)

    def room(self) -> int:
        """Bytes that can still be written."""
        return max(0, self._state.free_bytes - self._used())

    def write(self, stream: FileIO, data: bytes) -> None:
        """Append to an unbuffered file of the phone.

        Raises:
            OSError: there is no room left; as much as had some is written.
        """
        room = self.room()
        stream.write(data[:room])
        if len(data) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _used(self) -> int:
        folders = (self.host(LOCAL), self.host(SHARED), self.host("/data/data"))
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return sum(path.stat().st_size for path in files)

    def refresh(self) -> None:
        """Bring what the kernel and the installer would show in line with the state."""
        self._show("/proc/cpuinfo", _cpuinfo(self._state))
        for name in ("possible", "present", "online"):
            self._show(f"{_CPU}/{name}", "0\n")
        for policy, governor in self._state.governors.items():
            folder = f"{_CPU}/cpufreq/{policy}"
            self._show(f"{folder}/scaling_governor", f"{governor}\n")
            self._show(f"{folder}/related_cpus", "0\n")
        for own in self.host("/data/data").iterdir():
            # What an app has goes with it.
            if own.name not in self._state.packages:
                shutil.rmtree(own, ignore_errors=True)
        for package in self._state.packages:
            self.host(f"/data/data/{package}/files").mkdir(parents=True, exist_ok=True)
            self.host(f"{SHARED}/Android/data/{package}/files").mkdir(parents=True, exist_ok=True)

    def _show(self, path: str, text: str) -> None:
        file = self.host(path)
        if not file.is_file() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


def _cpuinfo(state: PhoneState) -> str:
    lines = {
        "processor": "0",
        "BogoMIPS": "100.00",
        "Features": state.cpu_features,
        "CPU implementer": "0x41",
        "CPU architecture": "8",
        "CPU variant": "0x4",
        "CPU part": "0xd0b",
        "CPU revision": "1",
    }
    return "".join(f"{name}\t: {value}\n" for name, value in lines.items()) + "\n"
