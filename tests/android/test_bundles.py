"""Bundles for the app: what is checked before they are copied, and their place in the assets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekd.android.assets import Carried, export_bundles
from edgekd.android.bundles import check_bundle, check_bundles
from edgekd.android.project import bundles_folder
from edgekd.errors import BadInput, RunFailed
from tests.android.small_bundle import MODEL, bundle_record, text_settings, write_bundle

NAME = "small-distilled-int8-onnx"


def test_a_whole_bundle(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b", preprocessing=text_settings())
    (folder / "notes.txt").write_text("not of the bundle")
    found = check_bundle(folder)
    assert found.name == NAME
    names = ["bundle.json", "model.onnx", "golden.safetensors", "tokenizer.json"]
    assert [file.name for file in found.files] == names
    assert found.size == sum((folder / name).stat().st_size for name in names)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": "../model.onnx"}, "is no file of this folder"),
        ({"model": "/etc/passwd"}, "is no file of this folder"),
        ({"model": "link.onnx"}, "is no file of this folder"),
        ({"model": "."}, "is no file of this folder"),
        ({"model": "other.onnx"}, "model: other.onnx is missing"),
        ({"model": "bundle.json"}, "is not the model"),
        ({"golden": "model.onnx", "golden_sha256": bundle_record()["sha256"]}, "one file twice"),
        ({"golden_sha256": None}, "is not the golden"),
        ({"golden": "../golden.safetensors"}, "is no file of this folder"),
        ({"preprocessing": text_settings(tokenizer="model.onnx")}, "is not the tokenizer"),
        ({"preprocessing": text_settings(tokenizer="../x")}, "preprocessing.text.tokenizer"),
        ({"sha256": "0" * 64}, "its SHA-256 differs"),
        ({"bytes": 3}, "has 700 bytes, and bundle.json says 3"),
        ({"format": "c"}, "runs tflite, executorch, onnx, not c"),
        ({"format": "keras"}, "format: "),
        ({"name": "../../databases"}, "cannot be the name"),
        ({"name": "two words"}, "cannot be the name"),
        ({"rung": "x" * 200}, "cannot be the name"),
        ({"surprise": 1}, "surprise: Extra inputs"),
        ({"schema": 2}, "schema: "),
        ({"bytes": float("nan")}, "bytes: "),
    ],
)
def test_a_bundle_that_is_not_whole(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    (tmp_path / "model.onnx").write_bytes(MODEL)
    folder = write_bundle(tmp_path / "b", **changes)
    (folder / "link.onnx").symlink_to(tmp_path / "model.onnx")
    with pytest.raises(BadInput, match=told) as raised:
        check_bundle(folder)
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value)


def test_a_folder_without_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holds no bundle\.json"):
        check_bundle(tmp_path)
    write_bundle(tmp_path / "artifacts" / "host-onnx" / "distilled-int8")
    with pytest.raises(BadInput, match=r"a run folder with 1 bundles .*host-onnx/distilled-int8"):
        check_bundle(tmp_path)
    (tmp_path / "unavailable.json").write_text(json.dumps({"reason": "no int4 here"}))
    with pytest.raises(BadInput, match="was not exported: no int4 here"):
        check_bundle(tmp_path)
    for content in ([], {}, {"reason": None}):
        (tmp_path / "unavailable.json").write_text(json.dumps(content))
        with pytest.raises(BadInput, match="was not exported: no reason is given"):
            check_bundle(tmp_path)
    with pytest.raises(BadInput, match="cannot be read: File name too long"):
        check_bundle(tmp_path / ("x" * 300))


def test_a_message_holds_no_control_characters(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b", **{"\x1b[31m\nred": 1})
    with pytest.raises(BadInput) as raised:
        check_bundle(folder)
    (tmp_path / "unavailable.json").write_text(json.dumps({"reason": "\x1b[31m\nred"}))
    with pytest.raises(BadInput) as without:
        check_bundle(tmp_path)
    assert all(str(one.value).isprintable() for one in (raised, without))


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000])
def test_a_record_that_is_none(tmp_path: Path, text: str) -> None:
    folder = write_bundle(tmp_path / "b")
    (folder / "bundle.json").write_text(text)
    with pytest.raises(BadInput, match=r"bundle\.json"):
        check_bundle(folder)


def test_a_huge_record_is_not_read(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b")
    with (folder / "bundle.json").open("r+b") as stream:
        stream.truncate(5 * 1024**2)
    with pytest.raises(BadInput, match="is larger than"):
        check_bundle(folder)


def test_two_of_one_name(tmp_path: Path) -> None:
    folders = [write_bundle(tmp_path / part) for part in ("host-onnx", "android-arm64-onnx")]
    with pytest.raises(BadInput, match=f"is called {NAME} like .*host-onnx"):
        check_bundles(folders)


def test_assets_are_replaced_whole(tmp_path: Path) -> None:
    project = tmp_path / "project"
    place = bundles_folder(project)
    first = check_bundle(write_bundle(tmp_path / "a"))
    assert export_bundles([first], project) == [Carried(NAME, first.size, "new")]
    (place / NAME / "left over").write_text("of another version")
    other = check_bundle(write_bundle(tmp_path / "b", name="other"))
    carried = export_bundles([first, other], project)
    assert [(one.name, one.state) for one in carried] == [
        ("other-distilled-int8-onnx", "new"),
        (NAME, "replaced"),
    ]
    carried = export_bundles([other], project)
    assert [one.state for one in carried] == ["replaced", "was there"]
    assert sorted(path.name for path in place.iterdir()) == ["other-distilled-int8-onnx", NAME]
    assert {path.name for path in (place / NAME).iterdir()} == {file.name for file in first.files}
    assert check_bundle(place / NAME).size == first.size


def test_assets_hold_only_so_much(tmp_path: Path) -> None:
    project = tmp_path / "project"
    large = bundles_folder(project) / "large" / "model.onnx"
    large.parent.mkdir(parents=True)
    with large.open("wb") as stream:
        stream.truncate(150 * 1024**2)
    bundle = check_bundle(write_bundle(tmp_path / "b"))
    with pytest.raises(BadInput, match=r"would carry 150 MiB of bundles.* edgekd push the large"):
        export_bundles([bundle], project)
    assert [path.name for path in bundles_folder(project).iterdir()] == ["large"]


def test_assets_that_are_no_folder(tmp_path: Path) -> None:
    project = tmp_path / "project"
    bundles_folder(project).parent.mkdir(parents=True)
    bundles_folder(project).touch()
    with pytest.raises(RunFailed, match="assets/bundles: cannot be read: Not a directory"):
        export_bundles([check_bundle(write_bundle(tmp_path / "b"))], project)


def test_a_failed_copy_leaves_the_former_bundle(tmp_path: Path) -> None:
    project = tmp_path / "project"
    bundle = check_bundle(write_bundle(tmp_path / "b"))
    export_bundles([bundle], project)
    (tmp_path / "b" / "model.onnx").unlink()
    with pytest.raises(RunFailed, match=f"{NAME} cannot be copied: No such file"):
        export_bundles([bundle], project)
    assert [path.name for path in bundles_folder(project).iterdir()] == [NAME]
    assert check_bundle(bundles_folder(project) / NAME).name == NAME
