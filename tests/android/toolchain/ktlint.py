"""ktlint over Kotlin files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.android.toolchain.compilers import java_command, run_tool
from tests.android.toolchain.kept import content_of, keep
from tests.android.toolchain.pieces import need, pieces
from tests.conftest import ROOT
from tools.android.pins import shipped_pins


def lint(files: Sequence[Path], settings: Path) -> None:
    """Find what ktlint would change; files that were clean before are not read again.

    Args:
        files: ``.kt`` and ``.kts``.
        settings: the ``.editorconfig`` for files that have none above them.

    Raises:
        BuildFailed: each finding with file and line.
    """
    need("ktlint", "openjdk-17-jdk-headless")
    key = [shipped_pins().npm["ktlint"].integrity, content_of(ROOT, [settings, *files])]
    options = [f"--editorconfig={settings}", "--relative", "--log-level=error"]

    def build(made: Path) -> None:
        run_tool([*java_command(), "-Xmx512m", "-jar", pieces().ktlint, *options, *files])
        made.touch()

    keep("ktlint.clean", key, build)
