"""What compiles and runs the Android app's code, when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.android.toolchain import BuildFailed, compile_java, kept, need, pieces
from tests.android.toolchain.junit import run_junit
from tests.android.toolchain.kotlin_source import KotlinSource
from tests.android.toolchain.merging import merge_signatures
from tests.conftest import ROOT
from tools.android.pins import shipped_pins


@pytest.mark.parametrize(
    ("variables", "status", "said"),
    [({}, 0, "Android: NOT CHECKED: "), ({"CI": "true"}, 1, "FAILED tests/android/test_kotlin.py")],
    ids=["developer", "ci"],
)
def test_a_missing_piece_skips_loudly_and_fails_ci(
    tmp_path: Path, variables: dict[str, str], status: int, said: str
) -> None:
    kept_variables = {name: value for name, value in os.environ.items() if name != "CI"}
    test = "tests/android/test_kotlin.py::test_ktlint_has_nothing_to_change"

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", test],
        env={**kept_variables, **variables, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )

    assert done.returncode == status, done.stdout
    assert said in done.stdout
    pin = shipped_pins().npm["ktlint"]
    missing = f"{pin.package} {pin.version} is missing (run python -m tools.android)"
    assert missing in done.stdout


@pytest.fixture
def kept_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    monkeypatch.setattr(kept, "KEPT", folder)
    return folder


def in_threads(work: Callable[[], object], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("kept_apart")
def test_of_several_at_once_one_builds() -> None:
    built: list[Path] = []

    def build(made: Path) -> None:
        built.append(made)
        made.write_text("made")

    in_threads(lambda: kept.keep("thing.jar", [1], build), 4)

    assert len(built) == 1
    assert kept.keep("thing.jar", [1], build).read_text() == "made"
    assert kept.keep("thing.jar", [2], build) != kept.keep("thing.jar", [1], build)


def test_only_the_last_builds_are_kept(kept_apart: Path) -> None:
    for key in range(9):
        kept.keep("thing.jar", key, Path.touch)
    kept.keep("thing-else.jar", 0, Path.touch)

    assert len(list(kept_apart.glob("thing-*.jar"))) == 5


@pytest.mark.usefixtures("kept_apart")
def test_a_refused_source_is_named_and_not_compiled_again(tmp_path: Path) -> None:
    source = tmp_path / "Wrong.java"
    source.write_text("class Wrong { int one = missing; }")

    said = []
    for _ in range(2):
        with pytest.raises(
            BuildFailed, match=r"Wrong\.java:1: error: cannot find symbol"
        ) as failed:
            compile_java("wrong", [source])
        said.append(str(failed.value))

    assert said[0] == said[1]


@pytest.mark.usefixtures("kept_apart")
def test_a_signature_that_android_has_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "Build.java"
    source.write_text(
        "package android.os; public class Build { public static final String MODEL = null; }"
    )

    with pytest.raises(BuildFailed, match=r"has android/os/Build\.MODEL already"):
        merge_signatures([source])


@pytest.mark.usefixtures("kept_apart")
def test_a_kotlin_test_that_fails_is_named(tmp_path: Path) -> None:
    need("junit4", "libhamcrest-java")
    source = tmp_path / "SampleTest.java"
    source.write_text(
        "import static org.junit.Assert.assertEquals;\n"
        "import org.junit.Test;\n"
        "public class SampleTest {\n"
        "    @Test public void holds() { assertEquals(1, 1); }\n"
        "    @Test public void breaks() { assertEquals(1, 2); }\n"
        "}\n"
    )
    jar = compile_java("sample-tests", [source], pieces().junit)

    outcome = run_junit(jar, pieces().junit)

    assert (outcome.run, outcome.failed) == (2, ("breaks(SampleTest)",))
    assert "expected:<1> but was:<2>" in outcome.output


def test_comments_and_strings_are_not_code(tmp_path: Path) -> None:
    path = tmp_path / "Sample.kt"
    path.write_text(
        "package dev.edgekd.core.tensor\n"
        "import dev.edgekd.core.problem.Problem\n"
        "/* dev.edgekd.core.demo\n"
        " * !! */\n"
        'val text = "// !! dev.edgekd.core.bundle"  // !!\n'
        "val json = dev.edgekd.core.json.Json!!\n"
    )
    source = KotlinSource(path)

    assert source.imports == ["dev.edgekd.core.problem.Problem"]
    assert source.rooms == {"problem", "json"}
    assert list(source.found("!!")) == ["Sample.kt:6: val json = dev.edgekd.core.json.Json!!"]
    assert source.lines == 6
