"""The app's package, built by Gradle."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from edgekd.android.requirements import Tools
from edgekd.errors import RunFailed

# ``run-as``, by which edgekd gives the app its files, works with debuggable builds only.
TASK = "assembleDebug"
_PACKAGE = Path("app/build/outputs/apk/debug/app-debug.apk")
_LOG = Path("build/edgekd-gradle.log")
_LONGEST = 200
# Of Kotlin's compiler, of aapt2 and javac; Gradle's own summary comes last.
_ERROR = re.compile(r"^(?:e: .+|error: .+|ERROR: ?.+|.+: error: .+)$")
_SUMMARY = "* What went wrong:"


def build_package(project: Path, tools: Tools, show: Callable[[str], None]) -> Path:
    """Build the debuggable package.

    Args:
        project: of the app.
        tools: of this machine.
        show: is given each line that Gradle says, without its end.

    Returns:
        The package.

    Raises:
        RunFailed: Gradle failed, or left no package.
    """
    log = project / _LOG
    command = [str(tools.gradle), "--console=plain", "--no-daemon", TASK]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        copy = log.open("w", encoding="utf-8")
    except OSError as error:
        raise RunFailed(
            f"cannot be written: {error.strerror}",
            where=str(log),
            mend="make the project's folder writable",
        ) from error
    lines: list[str] = []
    with copy, _started(command, project, tools) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                copy.write(line)
                lines.append(line.rstrip("\n"))
                show(lines[-1])
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise RunFailed(
            f"Gradle ended with status {process.returncode}: {first_error(lines)}",
            mend=f"all it said is in {log}",
        )
    package = project / _PACKAGE
    if not package.is_file():
        raise RunFailed(f"Gradle left no package at {_PACKAGE}", mend=f"all it said is in {log}")
    return package


def _started(command: Sequence[str], project: Path, tools: Tools) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command,
            cwd=project,
            env=tools.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise RunFailed(
            f"cannot be started: {error.strerror}",
            where=command[0],
            mend="make it executable, or remove it to use the gradle of the search path",
        ) from error


def first_error(lines: Sequence[str]) -> str:
    """The line of a failed build that tells most."""
    said = [line.strip() for line in lines if line.strip()]
    told = next((line for line in said if _ERROR.match(line)), None)
    if told is None and _SUMMARY in said[:-1]:
        told = said[said.index(_SUMMARY) + 1]
    return (told or (said or ["it said nothing"])[-1])[:_LONGEST]
