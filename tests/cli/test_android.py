"""``edgekd android``: filling the app's assets, and building it or naming all that is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edgekd.android.build import first_error
from edgekd.android.requirements import find_tools
from edgekd.errors import MissingPackage
from tests.android.small_bundle import write_bundle
from tests.conftest import run_edgekd

# Stands for Gradle at the very edge: it says a version, and its build is one file.
GRADLE_STAND_IN = """#!/bin/sh
if [ "$1" = --version ]; then echo; echo "Gradle {version}"; exit 0; fi
echo "> Task :app:compileDebugKotlin"
echo "$@ in $(pwd) with $ANDROID_HOME and $JAVA_HOME"
{work}
"""
PACKAGE = "app/build/outputs/apk/debug/app-debug.apk"
SUCCEEDS = f"mkdir -p {os.path.dirname(PACKAGE)}; printf 12345 > {PACKAGE}"
FAILS = """
echo 'w: a warning'
echo 'e: file:///x/Main.kt:3:1 Unresolved reference: nothing'
echo 'FAILURE: Build failed with an exception.'
exit 1"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """As much of the app's project as edgekd looks at."""
    folder = tmp_path / "project"
    manifest = folder / "app/src/main/AndroidManifest.xml"
    manifest.parent.mkdir(parents=True)
    manifest.touch()
    (folder / "settings.gradle.kts").touch()
    return folder


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder on the search path: with a shell and its tools, without a JDK or Gradle."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "mkdir", "printf"):
        (folder / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(folder))
    for name in ("JAVA_HOME", "ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(name, raising=False)
    return folder


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def write_jdk(folder: Path, version: str = "17.0.19") -> Path:
    write_program(folder / "bin" / "javac", f"#!/bin/sh\necho javac {version}\n")
    return folder


def write_sdk(folder: Path, *, platform: str = "android-35", build_tools: str = "35.0.0") -> Path:
    for path in (f"platforms/{platform}/android.jar", f"build-tools/{build_tools}/aapt2"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).touch()
    return folder


def write_gradle(path: Path, work: str = SUCCEEDS, version: str = "8.14.3") -> Path:
    return write_program(path, GRADLE_STAND_IN.format(work=work, version=version))


@pytest.fixture
def whole(programs: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has everything; the project's folder."""
    monkeypatch.setenv("JAVA_HOME", str(write_jdk(tmp_path / "jdk")))
    monkeypatch.setenv("ANDROID_HOME", str(write_sdk(tmp_path / "sdk")))
    write_gradle(programs / "gradle")
    return project


def missing(project: Path) -> str:
    with pytest.raises(MissingPackage) as raised:
        find_tools(project)
    return str(raised.value)


def test_a_machine_with_nothing(programs: Path, project: Path) -> None:
    result = run_edgekd("android", "build", "--project", project)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    told = result.stderr
    for part in ("a JDK 17", "openjdk-17-jdk", "the Android SDK", "ANDROID_HOME", "Gradle 8.13"):
        assert part in told
    assert told.index("JDK") < told.index("SDK") < told.index("Gradle 8.13")
    assert not (project / "build").exists()


def test_all_that_is_too_old(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jdk(tmp_path / "jdk", "1.8.0_412")
    sdk = write_sdk(tmp_path / "old", platform="android-34", build_tools="34.0.0")
    monkeypatch.setenv("ANDROID_HOME", str(sdk))
    write_gradle(tmp_path / "bin" / "gradle", version="4.4.1")
    told = missing(whole)
    assert "javac is 8)" in told
    assert f'platforms;android-35 in {sdk}: sdkmanager "platforms;android-35"' in told
    assert 'sdkmanager "build-tools;35.0.0"' in told
    assert "gradle is 4.4)" in told


def test_places_that_hold_nothing(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "gone"))
    write_program(tmp_path / "bin" / "gradle", "#!/bin/sh\nexit 1\n")
    told = missing(whole)
    assert f"JAVA_HOME is {tmp_path}/nowhere, which has no bin/javac" in told
    assert f"ANDROID_HOME names {tmp_path}/gone, which is no folder" in told
    assert "gradle does not tell its version" in told


def test_newer_tools_are_good(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jdk(tmp_path / "jdk", "21")
    write_gradle(tmp_path / "bin" / "gradle", version="9.1")
    monkeypatch.setenv("ANDROID_HOME", str(write_sdk(tmp_path / "new", build_tools="36.1.0")))
    assert find_tools(whole).environment["JAVA_HOME"] == str(tmp_path / "jdk")


def test_a_jdk_on_the_search_path(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME")
    (tmp_path / "bin" / "javac").symlink_to(tmp_path / "jdk" / "bin" / "javac")
    assert find_tools(whole).environment["JAVA_HOME"] == str(tmp_path / "jdk")


def test_where_the_sdk_is_named(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``local.properties`` comes first, as in Gradle."""
    own = write_sdk(tmp_path / "an own sdk: mine")
    text = str(own).replace(":", "\\:").replace("a", "\\a", 1)
    (whole / "local.properties").write_text(f"# of Android Studio\nsdk.dir={text}\n")
    assert find_tools(whole).environment["ANDROID_HOME"] == str(own)
    (whole / "local.properties").unlink()
    monkeypatch.setenv("ANDROID_SDK_ROOT", str(own))
    assert find_tools(whole).environment["ANDROID_HOME"] == str(tmp_path / "sdk")
    monkeypatch.delenv("ANDROID_HOME")
    found = find_tools(whole).environment
    assert found["ANDROID_HOME"] == str(own)
    assert "ANDROID_SDK_ROOT" not in found


def test_the_wrapper_needs_its_jar(whole: Path, programs: Path) -> None:
    wrapper = write_gradle(whole / "gradlew")
    assert find_tools(whole).gradle == programs / "gradle"
    jar = whole / "gradle/wrapper/gradle-wrapper.jar"
    jar.parent.mkdir(parents=True)
    jar.touch()
    (programs / "gradle").unlink()
    assert find_tools(whole).gradle == wrapper.resolve()


def test_a_build(whole: Path, tmp_path: Path) -> None:
    result = run_edgekd("android", "build", "--project", whole)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{whole / PACKAGE} (5 B)\n"
    said = f"assembleDebug in {whole} with {tmp_path}/sdk and {tmp_path}/jdk"
    assert "> Task :app:compileDebugKotlin\n" in result.stderr
    assert said in result.stderr
    assert said in (whole / "build" / "edgekd-gradle.log").read_text()


def test_a_build_that_fails(whole: Path, programs: Path) -> None:
    write_gradle(programs / "gradle", FAILS)
    result = run_edgekd("android", "build", "--project", whole)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert "Gradle ended with status 1: e: file:///x/Main.kt:3:1 Unresolved reference" in last
    assert f"{whole}/build/edgekd-gradle.log" in last


def test_a_build_that_leaves_nothing(whole: Path, programs: Path) -> None:
    write_gradle(programs / "gradle", "exit 0")
    result = run_edgekd("android", "build", "--project", whole)
    assert result.returncode == 1
    assert "Gradle left no package" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["> Task :a FAILED", "", "* What went wrong:", "No licence.", "* Try:"], "No licence."),
        (["app/res/a.xml:3: error: resource x not found.", "* What went wrong:", "y"], "resource"),
        (["ERROR: /x/AndroidManifest.xml:4: AAPT: error: z", "* What went wrong:"], "AAPT"),
        (["* What went wrong:"], "What went wrong"),
        ([" ", ""], "it said nothing"),
        (["x" * 1000], "x" * 200),
    ],
)
def test_the_first_error(lines: list[str], told: str) -> None:
    found = first_error(lines)
    assert told in found
    assert len(found) <= 200


def test_export_on_the_command_line(project: Path, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    for state in ("new", "replaced"):
        result = run_edgekd("android", "export", folder, "--project", project)
        assert result.returncode == 0, result.stderr
        row = next(line for line in result.stdout.splitlines() if "small-" in line)
        assert row.split() == ["small-distilled-int8-onnx", "1.32", "KiB", state]
    assert result.stdout.splitlines()[-1].endswith("assets/bundles: 1.32 KiB")


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    for command in (["build"], ["export", write_bundle(tmp_path / "bundle")]):
        result = run_edgekd("android", *command, "--project", tmp_path)
        assert result.returncode == 2
        assert "is not the project of the demo app" in result.stderr
        assert result.stderr.count("\n") == 1
