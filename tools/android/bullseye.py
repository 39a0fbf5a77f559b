"""Packages of Debian 11, fetched without touching this system's apt.

The mirror is the one that this system's own sources name. apt keeps its lists and its idea of what
is installed in a folder of our own, and knows no other source. Source: apt.conf(5).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from edgekd.debian import private_state, run_apt, run_tool
from edgekd.devices.arm64.sysroot.unpacking import unpack_deb
from edgekd.errors import MissingPackage, RunFailed
from edgekd.files import sha256_of
from tools.android.pins import DebianPin

_RELEASE = "bullseye"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_MEND = "this system's apt must name a mirror of Debian that still has bullseye"
_SETTINGS = """\
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
"""


def fetch_bullseye(pin: DebianPin, folder: Path, scratch: Path) -> None:
    """Fill a folder with the pinned files of a package; its scripts are not run.

    Args:
        pin: of the package.
        folder: empty, for the files.
        scratch: empty, for what is needed on the way.

    Raises:
        MissingPackage: this system has no apt.
        RunFailed: the package cannot be had, or is not what was pinned.
    """
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise MissingPackage(f"{program} is not installed", mend="use Debian 12 or newer")
    settings = private_state(scratch, _SETTINGS.format(folder=scratch))
    _write_sources(scratch)
    _apt(["update", "-q"], settings, f"the package list of Debian {_RELEASE} cannot be read")
    what = f"Debian's {pin.package} {pin.version}"
    _apt(["download", "-q", f"{pin.package}={pin.version}"], settings, f"{what} cannot be fetched")
    packages = sorted(scratch.glob("*.deb"))
    if len(packages) != 1 or sha256_of(packages[0]) != pin.sha256:
        raise RunFailed(
            f"{what} has another content than the one that is pinned",
            mend="do not trust this mirror",
        )
    unpacked = scratch / "unpacked"
    unpacked.mkdir()
    unpack_deb(packages[0], unpacked)
    for source, target in pin.files.items():
        if (unpacked / source).is_symlink() or not (unpacked / source).is_file():
            raise RunFailed(
                f"{what} holds no file {source}", mend="correct tools/android/pins.json"
            )
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / source).rename(folder / target)


def _write_sources(folder: Path) -> None:
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.is_file() else ""
    source = f"deb {signed}{_mirror(folder)} {_RELEASE} main\n"
    (folder / "sources.list").write_text(source, encoding="utf-8")


def _mirror(folder: Path) -> str:
    """The mirror that this system takes its own release from."""
    # Without its release file, which an image that removed the lists does not have.
    asked = ["apt-get", "indextargets", "--no-release-info", "Created-By: Packages"]
    ended = run_tool([*asked, "--format", "$(REPO_URI) $(RELEASE)"], folder)
    for line in ended.lines:
        address, _, release = line.partition(" ")
        if release == _own_release():
            return address
    raise RunFailed("this system's apt names no mirror of its own release", mend=_MEND)


def _own_release() -> str:
    for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        if key == "VERSION_CODENAME":
            return value.strip('"')
    return ""


def _apt(arguments: Sequence[str], settings: Path, problem: str) -> None:
    ended = run_apt(["apt-get", *arguments], settings)
    if not ended.well:
        raise RunFailed(problem, mend=f"{_MEND}; {ended.first_line('E:')}")
