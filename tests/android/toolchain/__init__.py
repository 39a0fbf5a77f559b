"""Compiles and runs the Android app's code with real compilers; each result is built once.

``pieces()`` tells where everything is, ``need()`` skips without a piece (in CI: fails).
"""

from tests.android.toolchain.compilers import compile_java, compile_kotlin, run_java, run_tool
from tests.android.toolchain.demo import (
    DEMO,
    app_classpath,
    app_jar,
    core_jar,
    core_tests_jar,
    r_jar,
    resources,
    signatures_jar,
    sources,
)
from tests.android.toolchain.kept import BuildFailed, keep
from tests.android.toolchain.pieces import Pieces, do_without, need, pieces

__all__ = [
    "DEMO",
    "BuildFailed",
    "Pieces",
    "app_classpath",
    "app_jar",
    "compile_java",
    "compile_kotlin",
    "core_jar",
    "core_tests_jar",
    "do_without",
    "keep",
    "need",
    "pieces",
    "r_jar",
    "resources",
    "run_java",
    "run_tool",
    "signatures_jar",
    "sources",
]
