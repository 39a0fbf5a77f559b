"""A ``.pt2`` file is loaded only where loading it runs nothing of its own."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from edgekd.errors import BadInput
from edgekd.export.program import load_program, sample_shape_of


class Payload:
    """What a malicious pickle does: here, leave a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.mark, "ran"))


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3)).eval()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("pt2") / "model.pt2"
    batch = torch.export.Dim("batch")
    program = torch.export.export(model(), (torch.zeros(2, 1, 8, 8),), dynamic_shapes=({0: batch},))
    torch.export.save(program, path)
    return path.read_bytes()


def rewritten(
    archive: bytes, path: Path, change: Callable[[str, bytes], bytes], **extra: bytes
) -> Path:
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, change(name, source.read(name)))
        for name, content in extra.items():
            target.writestr(name, content)
    return path


def unchanged(name: str, content: bytes) -> bytes:
    return content


def pickled(mark: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"x": Payload(mark)}, buffer)
    return buffer.getvalue()


def test_a_plain_program_loads(archive: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pt2"
    path.write_bytes(archive)
    program = load_program(path)
    assert sample_shape_of(program, path) == (1, 8, 8)
    inputs = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(program.module(check_guards=False)(inputs), model()(inputs))


@pytest.mark.parametrize(
    "entry",
    [
        "data/weights/model.pt",
        "data/constants/opaque_0",
        "data/constants/custom_obj_0",
        "data/aotinductor/model/a.so",
        "models/../evil.py",
        "data.pkl",
    ],
)
def test_entries_that_run_code_are_refused(archive: bytes, tmp_path: Path, entry: str) -> None:
    mark = tmp_path / "mark"
    path = rewritten(archive, tmp_path / "a.pt2", unchanged, **{f"model/{entry}": pickled(mark)})
    with pytest.raises(BadInput, match="would run code"):
        load_program(path)
    assert not mark.exists()


def test_malicious_sample_inputs_are_refused(archive: bytes, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def change(name: str, content: bytes) -> bytes:
        return pickled(mark) if "sample_inputs" in name else content

    with pytest.raises(BadInput):
        load_program(rewritten(archive, tmp_path / "a.pt2", change))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"use_pickle": false', '"use_pickle": true'),
        ("torch.ops.aten.relu.default", "torch.hub.load"),
        ("torch.ops.aten.relu.default", "torch.ops.aten.relu.default.__class__"),
        ("Symbol('s", "__import__('os').system('true') or Symbol('s"),
        ("positive=True", "positive=exit()"),
    ],
)
def test_code_in_the_graph_is_refused(archive: bytes, tmp_path: Path, old: str, new: str) -> None:
    seen = []

    def change(name: str, content: bytes) -> bytes:
        if name.endswith(".json") and old.encode() in content:
            seen.append(name)
            return content.replace(old.encode(), json.dumps(new)[1:-1].replace('\\"', '"').encode())
        return content

    with pytest.raises(BadInput):
        load_program(rewritten(archive, tmp_path / "a.pt2", change))
    assert seen


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps({"a": 1}), b"\0" * 1000])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pt2"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.pt2"):
        load_program(path)


def test_truncated_archives_are_refused(archive: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pt2"
    for length in range(0, len(archive), max(1, len(archive) // 10)):
        path.write_bytes(archive[:length])
        with pytest.raises(BadInput):
            load_program(path)
