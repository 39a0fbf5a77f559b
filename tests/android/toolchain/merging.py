"""Signatures of what a newer Android has, laid over an older ``android.jar``."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.android.toolchain.compilers import compile_java, run_java, write_jar
from tests.android.toolchain.kept import BuildFailed, content_of, keep
from tests.android.toolchain.pieces import need, pieces
from tests.conftest import ROOT

_PROGRAM = Path(__file__).with_name("MergeSignatures.java")


def merge_signatures(sources: Sequence[Path]) -> Path:
    """A jar to go before ``android.jar`` on a class path.

    Args:
        sources: Java; a class that ``android.jar`` has holds what is new in it, and nothing else.

    Raises:
        BuildFailed: they do not compile, or ``android.jar`` has a part of them.
    """
    need("kotlin", "android")
    android, tools = pieces().android, list(pieces().kotlin_compiler)
    signatures = compile_java("signatures-new", sources, [android])
    program = compile_java("signatures-merge", [_PROGRAM], tools, release=17)

    def build(made: Path) -> None:
        classes = made.with_suffix(".classes")
        done = run_java("MergeSignatures", [program, *tools], [signatures, android, classes])
        if done.returncode != 0:
            raise BuildFailed(done.stderr)
        write_jar(classes, made)
        shutil.rmtree(classes)

    return keep("signatures.jar", content_of(ROOT, [signatures, android, program]), build)
