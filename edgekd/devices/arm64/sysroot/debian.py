"""Debian packages of another architecture, fetched without touching this system's apt.

apt reads the system's sources and keys, but keeps its lists, its cache and its idea of what is
installed in a folder of our own, and believes that the machine is arm64. Source: apt.conf(5).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekd.debian import private_state, run_apt
from edgekd.devices.arm64.sysroot.pins import DebianPin
from edgekd.errors import MissingPackage, RunFailed
from edgekd.files import sha256_of
from edgekd.tool_environments.child import Ended

_SOURCES = "the sources of this system's apt must offer Debian 12 for arm64"
_SETTINGS = """\
#clear APT::Architectures;
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
"""


@dataclass(frozen=True)
class Package:
    """A package that was fetched.

    Attributes:
        name, version: Debian's.
        path: of the ``.deb``.
        sha256: of the file, as Debian's signed index has it.
        note: what is not as it was pinned; empty where all is.
    """

    name: str
    version: str
    path: Path
    sha256: str
    note: str


def download_packages(pins: Mapping[str, DebianPin], folder: Path) -> list[Package]:
    """Fetch arm64 packages into a folder, which apt's private state shares.

    A version that Debian has since replaced (a point release, a security update) gives way to the
    one that the signed index names; the package's ``note`` then says so.

    Raises:
        MissingPackage: this system has no apt.
        RunFailed: the index or a package cannot be had, or a pinned version has another content.
    """
    for program in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(program) is None:
            raise MissingPackage(
                f"{program} is not installed", mend="the ARM64 sysroot is built on Debian 12"
            )
    settings = private_state(folder, _SETTINGS)
    _apt(["apt-get", "update", "-q"], settings, "Debian's package lists could not be read")
    newest = _newest(pins, settings)
    chosen = [_choose(name, pin, newest[name], settings) for name, pin in pins.items()]
    _apt(
        ["apt-get", "download", "-q", *(f"{one.name}={one.version}" for one in chosen)],
        settings,
        "Debian's packages could not be fetched",
    )
    for package in chosen:
        if not package.path.is_file() or sha256_of(package.path) != package.sha256:
            raise RunFailed(f"{package.name} {package.version} is not the file that Debian signed")
    return chosen


def _newest(names: Iterable[str], settings: Path) -> dict[str, dict[str, str]]:
    """The fields of the versions that apt would install."""
    ended = run_apt(["apt-cache", "show", "--no-all-versions", *names], settings)
    found = {fields["Package"]: fields for fields in _stanzas(ended.lines)}
    for name in names:
        if name not in found:
            raise RunFailed(f"Debian has no package {name} of arm64", mend=_SOURCES)
    return found


def _choose(name: str, pin: DebianPin, newest: Mapping[str, str], settings: Path) -> Package:
    """The pinned version where the index still has it, else the newest one."""
    offered = newest
    if newest["Version"] != pin.version:
        ended = run_apt(["apt-cache", "show", f"{name}={pin.version}"], settings)
        pinned = [one for one in _stanzas(ended.lines) if one["Version"] == pin.version]
        offered = pinned[0] if pinned else newest
    version, sha256 = offered["Version"], offered["SHA256"]
    if version == pin.version and sha256 != pin.sha256:
        raise RunFailed(
            f"Debian's {name} {version} has another content than the one that is pinned",
            mend="do not trust this mirror, or use a newer edgekd",
        )
    note = (
        ""
        if version == pin.version
        else f"Debian has replaced {name} {pin.version} by {version}, which was taken"
    )
    # apt's own file name: the colon of an epoch is quoted.
    path = settings.parent / f"{name}_{version.replace(':', '%3a')}_arm64.deb"
    return Package(name, version, path, sha256, note)


def _stanzas(lines: Iterable[str]) -> list[dict[str, str]]:
    """The fields of each package, as ``apt-cache show`` prints them; whole ones only."""
    stanzas: list[dict[str, str]] = []
    for line in lines:
        key, colon, value = line.partition(": ")
        if key == "Package":
            stanzas.append({})
        if colon and stanzas:
            stanzas[-1].setdefault(key, value)
    return [one for one in stanzas if {"Package", "Version", "SHA256"} <= one.keys()]


def _apt(command: Sequence[str], settings: Path, problem: str) -> Ended:
    ended = run_apt(command, settings)
    if not ended.well:
        raise RunFailed(problem, mend=f"{_SOURCES}; {ended.first_line('E:')}")
    return ended
