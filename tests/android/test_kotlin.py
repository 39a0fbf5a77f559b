"""The Kotlin code of the app: it compiles, its own tests pass, and it keeps to its rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.android.closing import PROPERTY
from tests.android.toolchain import (
    DEMO,
    app_jar,
    core_jar,
    core_tests_jar,
    pieces,
    sources,
)
from tests.android.toolchain.junit import run_junit
from tests.android.toolchain.kotlin_source import KotlinSource
from tests.android.toolchain.ktlint import lint
from tests.conftest import ROOT

CORE = DEMO / "core" / "src" / "main"
CORE_TESTS = DEMO / "core" / "src" / "test"
APP = DEMO / "app" / "src" / "main"
MOST_LINES = 300
# A room may name those before its own place; rooms of one place do not know each other.
ROOMS = (
    *({"problem"}, {"json"}, {"tensor"}, {"engine"}, {"bundle"}, {"preprocessing"}),
    *({"prediction", "benchmark"}, {"demo"}),
)
# R8 renames and removes what is only reached by name.
REFLECTION = (
    r"kotlin\.reflect|java\.lang\.(reflect|invoke)|Class\.forName|newInstance\("
    r"|\.(getDeclared\w+|get(Method|Field|Constructor)s?)\(|::class\.(members|constructors|simpleName)"
)


def kotlin_below(*folders: Path) -> list[KotlinSource]:
    return [KotlinSource(path) for folder in folders for path in sources(folder)]


@pytest.mark.parametrize("jar", [core_jar, app_jar])
def test_compiles_without_a_warning(jar: Callable[[], Path]) -> None:
    assert jar().stat().st_size > 0


def test_core_passes_its_own_tests(record_property: Callable[[str, object], None]) -> None:
    found = pieces()
    resources = [folder for folder in [CORE_TESTS / "resources"] if folder.is_dir()]
    classpath = [core_jar(), found.kotlin_runtime, *found.kotlin_test, *resources]

    outcome = run_junit(core_tests_jar(), classpath)

    passed = outcome.run - len(outcome.failed)
    record_property(PROPERTY, f"{outcome.run} Kotlin tests of core ran, {passed} passed")
    assert not outcome.failed, f"{', '.join(outcome.failed)}\n{outcome.output}"
    assert outcome.run >= len(sources(CORE_TESTS)) // 2


def test_ktlint_has_nothing_to_change() -> None:
    ours = [*sources(DEMO), *sources(ROOT / "tests" / "android")]
    scripts = [path for path in sources(DEMO, ".kts") if "build" not in path.parts]

    lint([path for path in ours if "build" not in path.parts] + scripts, DEMO / ".editorconfig")


def test_no_file_is_long() -> None:
    files = kotlin_below(DEMO, ROOT / "tests" / "android")

    assert len(files) > 20
    assert not {one.path.name: one.lines for one in files if one.lines > MOST_LINES}


def test_core_needs_nothing_but_kotlin_and_java() -> None:
    allowed = re.compile(r"(kotlin|java|dev\.edgekd\.core)\.")

    strange = {
        f"{one.path.name}: {name}"
        for one in kotlin_below(CORE)
        for name in one.imports
        if not allowed.match(name) or name.endswith("*")
    }

    assert not strange


def test_core_imports_one_way() -> None:
    places = {room: place for place, rooms in enumerate(ROOMS) for room in rooms}
    home = CORE / "kotlin" / "dev" / "edgekd" / "core"

    wrong = []
    for one in kotlin_below(CORE):
        room = one.path.relative_to(home).parts[0]
        others = one.rooms - {room}
        wrong += [f"{one.path.name}: {other}" for other in others if places[other] >= places[room]]

    assert not wrong


def test_every_file_is_in_the_package_of_its_folder() -> None:
    for folder in (CORE, CORE_TESTS, APP):
        for one in kotlin_below(folder):
            package = ".".join(one.path.parent.relative_to(folder / "kotlin").parts)
            assert f"package {package}\n" in one.code, one.path


@pytest.mark.parametrize(
    ("pattern", "folders"),
    [
        (REFLECTION, (CORE, APP)),
        (r"!!", (CORE, APP)),
        (r"\b(androidx|kotlinx)\.", (CORE, CORE_TESTS, APP)),
        (r"@Ignore|@Suppress", (CORE, CORE_TESTS, APP)),
        (r"\b(println|printStackTrace|TODO)\(", (CORE, APP)),
    ],
)
def test_code_is_free_of(pattern: str, folders: tuple[Path, ...]) -> None:
    assert not [hit for one in kotlin_below(*folders) for hit in one.found(pattern)]
