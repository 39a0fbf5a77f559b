from __future__ import annotations

from pathlib import Path

import pytest

from edgekd.catalog import all_targets, find_recipe, find_targets, recipe_name
from edgekd.errors import BadInput

TARGET = """\
description: mine
format: onnx
precisions: [fp32]
device: host
runtime: onnx
kind: host
budget: {flash_bytes: 1000}
"""


def test_shipped_targets() -> None:
    assert {"host-litert", "host-executorch", "host-onnx"} <= set(all_targets())


def test_own_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "host-onnx.yaml").write_text(TARGET)
    monkeypatch.setenv("EDGEKD_TARGETS", str(tmp_path))
    assert find_targets(["host-onnx"])[0].budget.flash_bytes == 1000


def test_target_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TARGET)
    assert find_targets([str(path)])[0].name == "mine"


def test_wrong_target_key(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TARGET.replace("device:", "devise:"))
    with pytest.raises(BadInput, match=r"mine\.yaml"):
        find_targets([str(path)])


def test_unknown_names_suggest() -> None:
    with pytest.raises(BadInput, match="did you mean 'host-litert'"):
        find_targets(["host-litrt"])
    with pytest.raises(BadInput, match="did you mean 'mnist'"):
        find_recipe("mnits")
    with pytest.raises(BadInput, match="no such recipe file"):
        find_recipe("./nothing/recipe.yaml")


def test_recipe_by_folder_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipe.yaml").write_text("x: 1")
    assert find_recipe(str(tmp_path)) == tmp_path / "recipe.yaml"
    assert find_recipe(str(tmp_path / "recipe.yaml")) == tmp_path / "recipe.yaml"
    monkeypatch.chdir(tmp_path)
    assert find_recipe(".").resolve() == tmp_path / "recipe.yaml"


def test_recipe_names(tmp_path: Path) -> None:
    assert recipe_name(tmp_path / "flowers" / "recipe.yaml") == "flowers"
    assert recipe_name(tmp_path / "flowers" / "strict.yaml") == "strict"
