"""Where everything is that the checks of the Android app need, and what happens without it.

``python -m tools.android`` fetches it. Here alone is decided that a missing piece skips a test on a
machine of a developer and fails it in CI.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from tools.android.pieces import shipped_pieces
from tools.android.pins import shipped_pins
from tools.android.setup import Missing, Setup


@dataclass(frozen=True)
class Pieces:
    """Paths of files and folders.

    Attributes:
        kotlin: folder of the compiler, with its jars in ``lib``.
        ktlint: runnable jar.
        android: class jar of API 23.
        dx: runnable jar.
        onnxruntime, executorch: class jar of each runtime.
        onnxruntime_libraries, executorch_libraries: folder of its bionic x86_64 libraries.
        fbjni_libraries: folder of bionic's x86_64 ``libfbjni.so`` and ``libc++_shared.so``.
        framework: resources of API 29, for ``aapt2 link -I``.
        junit: JUnit 4 and Hamcrest.
    """

    kotlin: Path
    ktlint: Path
    android: Path
    dx: Path
    onnxruntime: Path
    onnxruntime_libraries: Path
    executorch: Path
    executorch_libraries: Path
    fbjni_libraries: Path
    framework: Path
    junit: tuple[Path, ...]

    @property
    def kotlin_compiler(self) -> tuple[Path, ...]:
        """The class path of the compiler itself."""
        names = (
            *("kotlin-compiler", "kotlin-stdlib", "kotlin-reflect", "kotlin-script-runtime"),
            *("annotations-13.0", "kotlinx-coroutines-core-jvm"),
        )
        return tuple(self.kotlin / "lib" / f"{name}.jar" for name in names)

    @property
    def kotlin_runtime(self) -> Path:
        """Kotlin's standard library, which every compiled program needs."""
        return self.kotlin / "lib" / "kotlin-stdlib.jar"

    @property
    def kotlin_test(self) -> tuple[Path, ...]:
        """``kotlin.test`` over JUnit 4."""
        names = ("kotlin-test.jar", "kotlin-test-junit.jar")
        return (*(self.kotlin / "lib" / name for name in names), *self.junit)


def pieces() -> Pieces:
    """Every path; what is missing does not exist: see :func:`need`."""
    piece_folder = shipped_pieces().folder_of
    onnxruntime, executorch = piece_folder("onnxruntime"), piece_folder("executorch")
    system = shipped_pins().system
    return Pieces(
        kotlin=piece_folder("kotlin"),
        ktlint=piece_folder("ktlint") / "ktlint.jar",
        android=piece_folder("android") / "android.jar",
        dx=piece_folder("dx") / "dx.jar",
        onnxruntime=onnxruntime / "classes.jar",
        onnxruntime_libraries=onnxruntime / "x86_64",
        executorch=executorch / "classes.jar",
        executorch_libraries=executorch / "x86_64",
        fbjni_libraries=piece_folder("fbjni") / "x86_64",
        framework=Path(system["android-framework-res"]),
        junit=(Path(system["junit4"]), Path(system["libhamcrest-java"])),
    )


def need(*names: str) -> None:
    """Skip the test that runs where a piece is missing, or fail it in CI.

    Args:
        names: of pieces or packages in ``tools/android/pins.json``.
    """
    missing = lacking(names)
    if missing:
        do_without("; ".join(map(str, missing)))


def do_without(said: str) -> NoReturn:
    """Skip the test that runs, or fail it in CI.

    Args:
        said: what this machine lacks.
    """
    if os.environ.get("CI"):
        pytest.fail(said, pytrace=False)
    pytest.skip(said)


def lacking(names: Iterable[str]) -> list[Missing]:
    """Which of these pieces this machine lacks."""
    missing = _missing()
    unknown = set(names) - shipped_pins().fetched.keys() - shipped_pins().system.keys()
    assert not unknown, f"not in tools/android/pins.json: {unknown}"
    return [missing[name] for name in names if name in missing]


@cache
def _missing() -> dict[str, Missing]:
    return Setup(shipped_pins(), shipped_pieces(), lambda _: None).missing()
