"""The Android project's own files: versions, packaging and the manifest."""

from __future__ import annotations

import re
import tomllib
import xml.etree.ElementTree as ElementTree
from functools import cache
from typing import Any

import pytest

from tests.android.toolchain import DEMO, sources
from tests.android.toolchain.compilers import KOTLIN_LANGUAGE
from tests.conftest import ROOT

MAIN = DEMO / "app" / "src" / "main"
ANDROID = "{http://schemas.android.com/apk/res/android}"
TOOLS = "{http://schemas.android.com/tools}"


@cache
def catalog() -> dict[str, Any]:
    text = (DEMO / "gradle" / "libs.versions.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def build_scripts() -> str:
    scripts = sorted(DEMO.glob("*.kts")) + sorted(DEMO.glob("*/*.kts"))
    assert len(scripts) == 4
    return "\n".join(script.read_text(encoding="utf-8") for script in scripts)


@cache
def app_script() -> str:
    return (DEMO / "app" / "build.gradle.kts").read_text(encoding="utf-8")


def code() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sources(MAIN))


def exported_with(package: str) -> str:
    """The version that pyproject.toml pins."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    versions = set(re.findall(rf'"{package}==([0-9.]+)"', text))
    assert len(versions) == 1
    return str(versions.pop())


# Gradle


def test_kotlin_is_that_of_the_checks() -> None:
    assert catalog()["versions"]["kotlin"].startswith(f"{KOTLIN_LANGUAGE}.")


def test_runtimes_are_those_of_the_exporters() -> None:
    versions = catalog()["versions"]
    assert versions["executorch"] == exported_with("executorch")
    line = exported_with("onnxruntime").rpartition(".")[0]
    assert versions["onnxruntime"].rpartition(".")[0] == line


def test_what_is_catalogued_is_used_and_what_is_used_is_catalogued() -> None:
    entries = {name.replace("-", ".") for name in catalog()["libraries"]}
    entries |= {f"plugins.{name.replace('-', '.')}" for name in catalog()["plugins"]}

    used = set(re.findall(r"\(libs\.([\w.]+)\)", build_scripts()))

    assert used == entries


def test_versions_are_exact_and_each_is_referred_to() -> None:
    assert all(re.fullmatch(r"\d+(\.\d+)+", one) for one in catalog()["versions"].values())
    entries = [*catalog()["libraries"].values(), *catalog()["plugins"].values()]
    assert {one["version"]["ref"] for one in entries} == set(catalog()["versions"])


def test_nothing_depends_on_androidx_or_coroutines() -> None:
    modules = [one["module"] for one in catalog()["libraries"].values()]
    assert not [name for name in modules if re.match(r"(androidx|org\.jetbrains\.kotlinx)\b", name)]
    # All of them come through the catalog; one is only named to be left out.
    assert not re.search(r"mplementation\(\s*\"", build_scripts())


@pytest.mark.parametrize(
    "line",
    [
        "minSdk = 26",
        "targetSdk = 35",
        "compileSdk = 35",
        'applicationId = "dev.edgekd.demo"',
        "isMinifyEnabled = true",
        "useLegacyPackaging = false",
        'abiFilters += listOf("arm64-v8a", "x86_64")',
        'noCompress += listOf("onnx", "pte", "tflite", "safetensors")',
    ],
)
def test_the_app_is_built_so(line: str) -> None:
    assert f" {line}\n" in app_script()


def test_gradle_is_fetched_by_its_hash() -> None:
    path = DEMO / "gradle" / "wrapper" / "gradle-wrapper.properties"
    text = path.read_text(encoding="utf-8")
    assert "gradle-8.14.3-bin.zip\n" in text
    assert re.search(r"^distributionSha256Sum=[0-9a-f]{64}$", text, re.MULTILINE)


def test_every_runtime_keeps_its_names_in_a_release() -> None:
    rules = (DEMO / "app" / "proguard-rules.pro").read_text(encoding="utf-8")
    kept = re.findall(r"^-keep class ([\w.]+)\.\*\* \{ \*; \}$", rules, re.MULTILINE)
    used = re.findall(r"^import ((?:ai|org|com)\.[\w.]+)$", code(), re.MULTILINE)
    assert used
    assert not [name for name in used if not any(name.startswith(f"{one}.") for one in kept)]


def test_neither_models_nor_binaries_are_kept_in_git() -> None:
    ignored = (DEMO / ".gitignore").read_text(encoding="utf-8").splitlines()
    wanted = {"/app/src/main/assets/bundles/", "/gradle/wrapper/gradle-wrapper.jar", "build/"}
    assert wanted <= set(ignored)


# The manifest


@cache
def manifest() -> ElementTree.Element:
    """As Gradle merges it, without the libraries' own: what is to be removed is not there."""
    root = ElementTree.parse(MAIN / "AndroidManifest.xml").getroot()
    for parent in list(root.iter()):
        for child in list(parent):
            if child.get(f"{TOOLS}node") == "remove":
                parent.remove(child)
    return root


def names(tag: str) -> list[str | None]:
    return [one.get(f"{ANDROID}name") for one in manifest().iter(tag)]


def test_the_microphone_is_all_that_is_asked_for() -> None:
    assert names("uses-permission") == ["android.permission.RECORD_AUDIO"]
    assert names("provider") == []


def test_what_onnx_runtime_brings_is_removed() -> None:
    whole = ElementTree.parse(MAIN / "AndroidManifest.xml").getroot()
    removed = {
        one.get(f"{ANDROID}name") for one in whole.iter() if one.get(f"{TOOLS}node") == "remove"
    }
    permissions = {"android.permission.INTERNET", "android.permission.ACCESS_NETWORK_STATE"}
    assert removed == {*permissions, "ai.onnxruntime.TelemetryInitializer"}


def test_the_gpu_may_use_opencl_where_a_phone_has_it() -> None:
    libraries = list(manifest().iter("uses-native-library"))
    assert "libOpenCL.so" in [one.get(f"{ANDROID}name") for one in libraries]
    assert {one.get(f"{ANDROID}required") for one in libraries} == {"false"}


def test_only_the_launcher_and_the_shell_may_start_something() -> None:
    exported = {
        one.get(f"{ANDROID}name"): one.get(f"{ANDROID}permission")
        for one in manifest().iter("activity")
        if one.get(f"{ANDROID}exported") != "false"
    }
    assert exported == {".MainActivity": None, ".BenchmarkActivity": "android.permission.DUMP"}


def test_every_activity_is_there() -> None:
    for name in names("activity"):
        assert re.search(rf"\bclass {str(name).removeprefix('.')} : Activity\(\)", code())


def test_nothing_is_backed_up_or_sent() -> None:
    application = manifest().find("application")
    assert application is not None
    flags = {name: application.get(ANDROID + name) for name in ("allowBackup", "debuggable")}
    assert flags == {"allowBackup": "false", "debuggable": None}
    assert application.get(f"{ANDROID}usesCleartextTraffic") == "false"
    assert application.get(f"{ANDROID}supportsRtl") == "true"
