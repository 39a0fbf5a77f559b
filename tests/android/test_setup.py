"""``python -m tools.android``: what fetches the pieces, when something is wrong."""

from __future__ import annotations

import io
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekd.errors import RunFailed
from tests.android.npm_registry import NAME, VERSION, Registry, integrity, serving, tarball
from tests.android.toolchain import do_without
from tests.conftest import ROOT
from tools.android.npm import fetch_npm
from tools.android.pieces import PieceCache
from tools.android.pins import NpmPin, Pins, shipped_pins

# ``python -m tools.android``, by other pins and in another folder.
SET_UP = """
import sys
from pathlib import Path
from tools.android.pieces import PieceCache
from tools.android.pins import Pins
from tools.android.setup import Setup
pins = Pins.model_validate_json(sys.argv[1])
said = Setup(pins, PieceCache(Path(sys.argv[2]), pins), print).set_up()
sys.exit("; ".join(map(str, said)) or None)
"""

needs_npm = pytest.mark.usefixtures("npm")


def archive(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return written.getvalue()


GOOD = tarball(
    {
        "package/plain.jar": b"plain",
        "package/inner.aar": archive({"classes.jar": b"classes", "../evil": b"evil"}),
        "package/../../evil": b"evil",
        "package/unwanted": b"unwanted",
    }
)
FILES = {"package/plain.jar": "plain.jar", "package/inner.aar!classes.jar": "lib/classes.jar"}


def pin(content: bytes, files: dict[str, str] = FILES) -> NpmPin:
    return NpmPin(package=NAME, version=VERSION, integrity=integrity(content), files=files)


def pins(content: bytes = GOOD) -> Pins:
    return Pins(npm={"piece": pin(content)}, bullseye={}, system={})


def files_below(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if not path.is_dir()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def npm() -> None:
    if shutil.which("npm") is None:
        do_without("npm is not installed")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    made, scratch = tmp_path / "made", tmp_path / "scratch"
    made.mkdir()
    scratch.mkdir()
    return made, scratch


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    with serving(GOOD) as offered:
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", offered.address)
        monkeypatch.setenv("NPM_CONFIG_CACHE", str(tmp_path / "npm"))
        monkeypatch.setenv("NPM_CONFIG_FETCH_RETRIES", "0")
        yield offered


def set_up(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SET_UP, pins().model_dump_json(), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@needs_npm
@pytest.mark.usefixtures("registry")
def test_only_pinned_files_come_out_of_a_tarball(folders: tuple[Path, Path]) -> None:
    fetch_npm(pin(GOOD), *folders)

    assert files_below(folders[0]) == {"plain.jar": b"plain", "lib/classes.jar": b"classes"}
    assert not list(folders[0].parent.rglob("evil"))


@needs_npm
def test_another_content_is_refused(registry: Registry, folders: tuple[Path, Path]) -> None:
    registry.content = tarball({"package/plain.jar": b"another"})

    with pytest.raises(RunFailed, match="another content than the one that is pinned"):
        fetch_npm(pin(GOOD), *folders)

    assert files_below(folders[0]) == {}


@needs_npm
@pytest.mark.parametrize(
    ("content", "files"),
    [
        (tarball({}, {"package/plain.jar": "/etc/passwd"}), {"package/plain.jar": "plain.jar"}),
        (tarball({"package/a": b"a"}), {"package/plain.jar": "plain.jar"}),
        (tarball({"package/a": b"no zip"}), {"package/a!classes.jar": "classes.jar"}),
    ],
    ids=["link", "absent", "damaged"],
)
def test_what_is_not_a_file_is_refused(
    registry: Registry, folders: tuple[Path, Path], content: bytes, files: dict[str, str]
) -> None:
    registry.content = content

    with pytest.raises(RunFailed, match="cannot be unpacked"):
        fetch_npm(pin(content, files), *folders)

    assert files_below(folders[0]) == {}


@needs_npm
def test_a_registry_that_is_away_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, folders: tuple[Path, Path]
) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9/")
    monkeypatch.setenv("NPM_CONFIG_FETCH_RETRIES", "0")

    with pytest.raises(RunFailed, match=r"could not be fetched.*npm config get registry") as told:
        fetch_npm(pin(GOOD), *folders)

    assert "\n" not in str(told.value)


@needs_npm
def test_two_at_once_fetch_once(registry: Registry, tmp_path: Path) -> None:
    both = [set_up(tmp_path / "cache") for _ in range(2)]

    said = [one.communicate(timeout=120) for one in both]

    assert [one.returncode for one in both] == [0, 0], said
    assert len([path for path in registry.asked if path.endswith(".tgz")]) == 1
    assert PieceCache(tmp_path / "cache", pins()).holds("piece")


@needs_npm
def test_a_killed_run_leaves_nothing_that_passes_for_a_piece(
    registry: Registry, tmp_path: Path
) -> None:
    registry.answering.clear()
    cache, asking = PieceCache(tmp_path / "cache", pins()), threading.Event()
    killed = set_up(tmp_path / "cache")
    while not any(path.endswith(".tgz") for path in registry.asked):
        assert killed.poll() is None
        asking.wait(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert not cache.holds("piece")

    registry.answering.set()
    again = set_up(tmp_path / "cache")

    assert again.communicate(timeout=120)[1] == ""
    assert cache.holds("piece")
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()] == [
        cache.folder_of("piece").name
    ]


def test_each_missing_piece_is_one_line_where_nothing_can_be_fetched(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.android"],
        env={"PATH": "", "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )

    told = [line for line in done.stderr.splitlines() if " is missing (" in line]
    assert done.returncode == 1
    kotlin = f"kotlin-compiler {shipped_pins().npm['kotlin'].version}"
    assert any(kotlin in line and "npm is not installed" in line for line in told)
    assert any("libandroid-23-java" in line and "apt-get is not installed" in line for line in told)
    assert any("javac" in line and "apt-get install openjdk-17" in line for line in told)
    assert not [line for line in done.stderr.splitlines() if "Traceback" in line]


def test_pins_name_no_host() -> None:
    text = (ROOT / "tools" / "android" / "pins.json").read_text(encoding="utf-8")

    assert "://" not in text
    assert shipped_pins().npm.keys().isdisjoint(shipped_pins().bullseye)
