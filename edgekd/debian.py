"""Debian's package manager: packages installed, or fetched into a private state of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from edgekd.tool_environments.child import Ended, run_child

_INSTALL_SECONDS = 1800.0
_FETCH_SECONDS = 900.0
_ENVIRONMENT = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
# Read last, so it wins over the system's own settings. Hooks are cleared: they act on the system.
# Source: apt.conf(5).
_PRIVATE = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::Languages;
#clear Acquire::IndexTargets::deb-src;
#clear Acquire::IndexTargets::deb::CNF;
#clear Acquire::IndexTargets::deb::Contents-deb;
#clear Acquire::IndexTargets::deb::Contents-deb-legacy;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large;
#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
APT::Get::AllowUnauthenticated "false";
APT::Sandbox::User "root";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages {{ "none"; }};
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::Log "{folder}/log";
"""


def may_install() -> bool:
    """Whether this user is root, or ``sudo`` asks no password, and there is apt."""
    return _privilege() is not None and shutil.which("apt-get") is not None


def install_packages(packages: Sequence[str]) -> str:
    """Install packages; to be called where :func:`may_install`.

    Returns:
        Why not all are installed; empty where they are.
    """
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    privilege = _privilege() or []
    if not _refusal([*privilege, *command, *packages]):
        return ""
    _refusal([*privilege, "apt-get", "update", "-qq"])
    # One that cannot be had must not keep the others away.
    reasons = [_refusal([*privilege, *command, package]) for package in packages]
    return next(filter(None, reasons), "")


def private_state(folder: Path, more: str = "") -> Path:
    """Lay out apt's lists, cache and idea of what is installed in a folder: nothing is, yet.

    Args:
        folder: existing.
        more: settings beside these, as apt.conf(5) has them.

    Returns:
        The file of settings, for :func:`run_apt`.
    """
    for name in ("state/lists/partial", "cache/archives/partial", "log"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    settings = folder / "apt.conf"
    settings.write_text(_PRIVATE.format(folder=folder) + more, encoding="utf-8")
    return settings


def run_apt(command: Sequence[str], settings: Path) -> Ended:
    """Run ``apt-get`` or ``apt-cache`` in a private state; what it fetches lies beside it."""
    program, *arguments = command
    return run_tool([program, f"--config-file={settings}", *arguments], settings.parent)


def run_tool(command: Sequence[str], folder: Path, seconds: float = _FETCH_SECONDS) -> Ended:
    """Run one of Debian's tools in a folder; it speaks English and asks nothing."""
    return run_child(
        command, environment={**os.environ, **_ENVIRONMENT}, folder=folder, seconds=seconds
    )


def _privilege() -> list[str] | None:
    """What to put before a command that root must run; ``None`` where this user may not."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    return [sudo, "-n"] if sudo is not None and not _refusal([sudo, "-n", "true"]) else None


def _refusal(command: Sequence[str]) -> str:
    """Why a command failed; empty where it did not."""
    ended = run_tool(command, Path("/"), _INSTALL_SECONDS)
    return "" if ended.well else ended.first_line("E:") or ended.how
