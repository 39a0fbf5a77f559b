"""The app's package, made of its own code by Debian's tools, and what it would let a phone do.

A packaging check: runtimes and Kotlin's library are not in it, so that no phone could run it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from edgekd.android.bundles import check_bundle
from edgekd.android.project import APPLICATION
from edgekd.android.requirements import COMPILE_SDK
from edgekd.devices.adb.application import ACTIVITY, ApplicationRunner
from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.runner import Launch
from edgekd.target import DELEGATES
from tests.android.package_inspection import (
    DexClass,
    Element,
    read_badging,
    read_dex,
    read_manifest,
)
from tests.android.packaging import STORED, built_package
from tests.android.toolchain import DEMO, need, pieces, run_tool, sources
from tests.android.toolchain.resources import LEAST_API, TARGET_API

APP = DEMO / "app" / "src" / "main"
HOME = APPLICATION.replace(".", "/")
BUILD = (DEMO / "app" / "build.gradle.kts").read_text(encoding="utf-8")
# Pages of today's phones; a library is mapped by whole pages.
PAGE_BYTES = 16 * 1024
# Given by hand instead of a model, its inputs and its engine.
BY_HAND = {"bundle"}
LOUD = (
    *("java/io/PrintStream.", "java/lang/Throwable.printStackTrace", "kotlin/io/ConsoleKt."),
    *("kotlin/NotImplementedError.", "android/util/Log.v", "android/util/Log.d"),
    *("android/util/Log.wtf", "android/os/StrictMode.", "android/os/Debug.waitForDebugger"),
)


@pytest.fixture(scope="module")
def package() -> Path:
    return built_package()


@pytest.fixture(scope="module")
def manifest(package: Path) -> Element:
    return read_manifest(package)


@pytest.fixture(scope="module")
def dex(package: Path) -> dict[str, DexClass]:
    return read_dex(package)


def components(manifest: Element) -> list[Element]:
    return list(manifest.all("activity", "activity-alias", "service", "receiver", "provider"))


def class_of(component: Element) -> str:
    name = component.attributes["name"]
    return (APPLICATION + name if name.startswith(".") else name).replace(".", "/")


def test_who_it_is_and_where_it_runs(package: Path) -> None:
    badging = read_badging(package)
    assert f"name='{APPLICATION}'" in badging["package"][0]
    assert badging["sdkVersion"] == [f"'{LEAST_API}'"]
    assert badging["targetSdkVersion"] == [f"'{TARGET_API}'"]
    [launched] = badging["launchable-activity"]
    assert f"name='{APPLICATION}.MainActivity'" in launched


@pytest.mark.parametrize(
    "line",
    [
        f'applicationId = "{APPLICATION}"',
        f"minSdk = {LEAST_API}",
        f"targetSdk = {TARGET_API}",
        f"compileSdk = {COMPILE_SDK}",
        *(f'"{suffix}"' for suffix in STORED),
    ],
)
def test_gradle_builds_the_same(line: str) -> None:
    assert line in BUILD


def test_it_may_record_and_nothing_else(package: Path, manifest: Element) -> None:
    badging = read_badging(package)
    assert badging["uses-permission"] == ["name='android.permission.RECORD_AUDIO'"]
    assert not [key for key in badging if key.startswith(("uses-implied", "uses-permission-"))]
    assert not list(manifest.all("permission", "queries", "uses-library"))
    required = [one for one in manifest.all("uses-feature") if one.attributes["required"] != "0x0"]
    assert not required


def test_only_two_doors_are_open(manifest: Element) -> None:
    doors = {
        class_of(one): one.attributes.get("permission")
        for one in components(manifest)
        if one.attributes["exported"] != "0x0"
    }
    assert doors == {
        f"{HOME}/MainActivity": None,
        # What the shell's user has and no other app can get.
        f"{HOME}/{ACTIVITY.removeprefix('.')}": "android.permission.DUMP",
    }
    filtered = [class_of(one) for one in components(manifest) if list(one.all("intent-filter"))]
    assert filtered == [f"{HOME}/MainActivity"]


def test_nothing_of_a_debugger_or_a_backup(package: Path, manifest: Element) -> None:
    [application] = manifest.all("application")
    assert "debuggable" not in application.attributes
    assert "testOnly" not in application.attributes
    assert application.attributes["allowBackup"] == "0x0"
    assert application.attributes["usesCleartextTraffic"] == "0x0"
    assert "application-debuggable" not in read_badging(package)


def test_every_component_is_an_activity_in_the_dex(
    manifest: Element, dex: dict[str, DexClass]
) -> None:
    found = components(manifest)
    assert len(found) >= 3
    for one in found:
        assert one.name == "activity"
        assert dex[class_of(one)].parents[0] == "android/app/Activity"


def test_the_engines_are_there(dex: dict[str, DexClass]) -> None:
    engine = "dev/edgekd/core/engine/Engine"
    found = {name for name, one in dex.items() if engine in one.parents}
    names = ("OnnxEngine", "ExecutorchEngine", "LitertEngine")
    assert found == {f"{HOME}/engines/{name}" for name in names}


def test_no_code_is_of_others(dex: dict[str, DexClass]) -> None:
    assert len(dex) > 100
    assert all(name.startswith("dev/edgekd/") for name in dex)


def test_the_app_knows_the_extras_that_are_sent(dex: dict[str, DexClass], tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.touch()
    runner = ApplicationRunner(Adb("phone"), APPLICATION, "onnx", model, [], 1.0, 1.0)
    words = runner._intent(Launch("latency", 1, 1, 1, "cpu")).split()
    sent = {words[place + 1] for place, word in enumerate(words) if word in ("--es", "--ei")}
    literals = dex["dev/edgekd/core/benchmark/BenchmarkRequest"].strings["<clinit>"]
    known = {text for text in literals if re.fullmatch(r"[a-z][a-z0-9_]*", text)}
    assert known - BY_HAND == sent
    assert f"{APPLICATION}/{ACTIVITY}" in words


@pytest.mark.parametrize(
    ("runtime", "engine"),
    [("onnx", "OnnxEngine"), ("litert", "LitertEngine"), ("executorch", "ExecutorchEngine")],
)
def test_a_target_may_ask_for_what_the_engine_has(runtime: str, engine: str) -> None:
    [path] = APP.rglob(f"{engine}.kt")
    code = path.read_text(encoding="utf-8")
    texts = dict(re.findall(r'const val (\w+) = "(\w+)"', code))
    [own] = re.findall(r"val delegates: List<String> = (\w+\(.*\))", code)
    names = re.findall(r"\b[A-Z]+\b", own)
    assert tuple(texts[name] for name in names) == DELEGATES.get(runtime, ())


def test_only_the_benchmark_logs(dex: dict[str, DexClass]) -> None:
    logging = {
        name for name, one in dex.items() if any("android/util/Log." in c for c in one.calls)
    }
    assert logging
    assert all(name.startswith(f"{HOME}/Benchmark") for name in logging)
    said = dex["dev/edgekd/core/benchmark/Benchmark"].strings.values()
    assert any(text.strip() == "EDGEKD_DONE" for texts in said for text in texts)


def test_nothing_of_debugging_is_left(dex: dict[str, DexClass]) -> None:
    calls = {call for one in dex.values() for call in one.calls}
    assert len(calls) > 500
    assert not {call for call in calls if call.startswith(LOUD)}


def test_no_notes_are_left() -> None:
    files = [path for part in (".kt", ".xml", ".kts", ".pro") for path in sources(DEMO, part)]
    assert len(files) > 50
    note = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert not [path.name for path in files if note.search(path.read_text(encoding="utf-8"))]


def test_what_is_in_it(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
        compressed = {one.filename: one.compress_type for one in archive.infolist()}
    known = r"AndroidManifest\.xml|classes\.dex|resources\.arsc|(res|assets/bundles|META-INF)/.+"
    assert not [name for name in names if not re.fullmatch(known, name)]
    assert len(set(names)) == len(names)
    # Android 11 and later install no package whose resources are compressed.
    assert compressed["resources.arsc"] == zipfile.ZIP_STORED
    [bundle] = (tmp_path / "assets" / "bundles").iterdir()
    for file in check_bundle(bundle).files:
        if file.suffix[1:] in STORED:
            assert compressed[str(file.relative_to(tmp_path))] == zipfile.ZIP_STORED
    run_tool(["zipalign", "-c", "-p", "4", package])


def verify(package: Path) -> subprocess.CompletedProcess[str]:
    command = ["apksigner", "verify", "--verbose", "--min-sdk-version", str(LEAST_API)]
    command.append(str(package))
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_its_signature(package: Path, tmp_path: Path) -> None:
    told = verify(package)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in told.stdout
    changed = tmp_path / "changed.apk"
    shutil.copy(package, changed)
    with zipfile.ZipFile(changed) as archive:
        place = archive.getinfo("classes.dex").header_offset + 200
    with changed.open("r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)
        stream.seek(place)
        stream.write(bytes([byte[0] ^ 1]))
    assert verify(changed).returncode != 0


@pytest.mark.parametrize("runtime", ["onnxruntime", "executorch"])
def test_a_runtime_fits_large_pages(runtime: str) -> None:
    """Of the repacked libraries that the checks run; the package takes those of Maven."""
    need(runtime)
    from elftools.elf.elffile import ELFFile

    folder = getattr(pieces(), f"{runtime}_libraries")
    libraries = sorted(folder.glob("*.so"))
    assert libraries
    for library in libraries:
        with library.open("rb") as stream:
            loaded = [one for one in ELFFile(stream).iter_segments() if one["p_type"] == "PT_LOAD"]
            assert loaded
            assert all(one["p_align"] % PAGE_BYTES == 0 for one in loaded), library.name
