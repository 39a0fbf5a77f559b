"""JUnit 4 over a jar of tests, in one JVM."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.android.toolchain.compilers import run_java

_COUNT = re.compile(r"^OK \((\d+) tests?\)$|^Tests run: (\d+),", re.MULTILINE)
_FAILURE = re.compile(r"^\d+\) (.+)$", re.MULTILINE)
_MOST_OUTPUT = 8000


@dataclass(frozen=True)
class Outcome:
    """What JUnit said.

    Attributes:
        run: how many tests ran.
        failed: ``name(class)`` of each that failed.
        output: of the whole JVM, its end cut off where it is long.
    """

    run: int
    failed: tuple[str, ...]
    output: str


def run_junit(tests: Path, classpath: Sequence[Path]) -> Outcome:
    """Run every class whose name ends in ``Test``.

    Args:
        tests: jar of the classes.
        classpath: all that they need, JUnit itself included.
    """
    names = test_classes(tests)
    assert names, f"{tests.name} holds no class whose name ends in Test"
    done = run_java("org.junit.runner.JUnitCore", [tests, *classpath], names)
    output = done.stdout + done.stderr
    count = _COUNT.search(output)
    assert count is not None, f"JUnit ended with {done.returncode}: {output[-_MOST_OUTPUT:]}"
    failed = tuple(_FAILURE.findall(output))
    assert (done.returncode == 0) == (not failed), output[-_MOST_OUTPUT:]
    return Outcome(int(count[1] or count[2]), failed, output[:_MOST_OUTPUT])


def test_classes(jar: Path) -> list[str]:
    """Names of the classes in a jar that JUnit is to run."""
    with zipfile.ZipFile(jar) as archive:
        files = [Path(name) for name in archive.namelist()]
    return sorted(
        ".".join(file.with_suffix("").parts)
        for file in files
        if file.name.endswith("Test.class") and "$" not in file.name
    )
