"""The jars of ``android-demo`` and of what it is compiled against, each built when asked for."""

from __future__ import annotations

from pathlib import Path

from tests.android.toolchain.compilers import KOTLIN_FLAGS, compile_java, compile_kotlin
from tests.android.toolchain.merging import merge_signatures
from tests.android.toolchain.pieces import need, pieces
from tests.android.toolchain.resources import Resources, link_resources
from tests.conftest import ROOT

DEMO = ROOT / "android-demo"
SIGNATURES = ROOT / "tests" / "android" / "signatures"


def sources(folder: Path, suffix: str = ".kt") -> list[Path]:
    """Every source file below a folder, sorted."""
    return sorted(folder.rglob(f"*{suffix}"))


def core_jar() -> Path:
    """``core``, against Android's own edition of Java's library instead of the JDK's."""
    return _compile_for_android("core", DEMO / "core" / "src" / "main", [])


def core_tests_jar() -> Path:
    """The JUnit tests of ``core``."""
    core = core_jar()
    need("junit4", "libhamcrest-java")
    classpath = [core, *pieces().kotlin_test]
    return compile_kotlin(
        "core-tests", sources(DEMO / "core" / "src" / "test"), classpath, friends=[core]
    )


def signatures_jar() -> Path:
    """What ``android.jar`` of API 23 and the registries lack; to be first on a class path."""
    return merge_signatures(sources(SIGNATURES, ".java"))


def resources() -> Resources:
    """The app's resources."""
    return link_resources(DEMO / "app" / "src" / "main")


def r_jar() -> Path:
    """The class ``R``."""
    return compile_java("r", [resources().r_java])


def app_classpath() -> list[Path]:
    """What the app is compiled against besides Android."""
    need("onnxruntime", "executorch")
    found = pieces()
    runtimes = [found.onnxruntime, found.executorch]
    return [core_jar(), r_jar(), *runtimes]


def app_jar() -> Path:
    """``app``: against the real runtimes' classes, Android's, and our signatures."""
    return _compile_for_android("app", DEMO / "app" / "src" / "main", app_classpath())


def _compile_for_android(name: str, folder: Path, classpath: list[Path]) -> Path:
    need("android")
    # A JDK would offer methods that a phone lacks: ByteBuffer.flip() returns another type there.
    return compile_kotlin(
        name,
        sources(folder),
        [*classpath, signatures_jar(), pieces().android],
        flags=[*KOTLIN_FLAGS, "-no-jdk"],
    )
