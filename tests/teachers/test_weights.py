"""Checkpoints load where they are tensors alone, and nothing in them is run."""

from __future__ import annotations

import copy
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from edgekd.errors import BadInput
from edgekd.teachers.weights import load_state, read_state_dict

State = dict[str, torch.Tensor]


class Payload:
    """What a malicious pickle does: here, leave a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.mark}",))


def network(width: int = 4) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(36 * width, 3)
    )


@pytest.fixture
def source() -> nn.Sequential:
    torch.manual_seed(0)
    return network().eval()


def assert_loads(source: nn.Module, path: Path) -> None:
    loaded = network()
    load_state(loaded, path)
    inputs = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(loaded.eval()(inputs), source(inputs), rtol=0, atol=0)


def without_counter(state: State) -> State:
    return {name: value for name, value in state.items() if "num_batches" not in name}


LAYOUTS: dict[str, Callable[[State], Any]] = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "best": 92.1},
    "model_state_dict": lambda state: {"model_state_dict": state, "optimizer": {"state": {}}},
    "model": lambda state: {"model": state, "args": ["a", 1]},
    "net": lambda state: {"net": state, "acc": 0.5},
    "module": lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
    "compiled": lambda state: {f"module._orig_mod.{k}": v for k, v in state.items()},
    "old": without_counter,
    "parameters": lambda state: {k: nn.Parameter(v, False) for k, v in state.items()},
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("zipped", [True, False])
def test_layouts_of_checkpoints(
    source: nn.Sequential, tmp_path: Path, name: str, zipped: bool
) -> None:
    path = tmp_path / "weights.pth"
    content = LAYOUTS[name](source.state_dict())
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert_loads(source, path)


def test_safetensors(source: nn.Sequential, tmp_path: Path) -> None:
    path = tmp_path / "any-name.bin"
    save_file({f"module.{k}": v for k, v in source.state_dict().items()}, path)
    assert_loads(source, path)


def test_half_precision_is_widened(source: nn.Sequential, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    half = copy.deepcopy(source).half()
    save_file(half.state_dict(), path)
    assert_loads(half.float(), path)


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_pickle_is_not_run(
    source: nn.Sequential, tmp_path: Path, wrapped: bool, zipped: bool
) -> None:
    path, mark = tmp_path / "evil.pth", tmp_path / "mark"
    payload = Payload(mark)
    content = {"state_dict": source.state_dict(), "extra": payload} if wrapped else payload
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(BadInput, match=r"holds more than tensors: posix\.system") as caught:
        load_state(network(), path)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_bare_pickle_is_not_run(tmp_path: Path, protocol: int) -> None:
    path, mark = tmp_path / "evil.pkl", tmp_path / "mark"
    path.write_bytes(pickle.dumps(Payload(mark), protocol))
    with pytest.raises(BadInput):
        read_state_dict(path)
    assert not mark.exists()


def test_a_whole_module_is_refused_by_name(source: nn.Sequential, tmp_path: Path) -> None:
    path = tmp_path / "module.pth"
    torch.save(source, path)
    with pytest.raises(BadInput, match=r"torch\.nn\.modules\.container\.Sequential; it is not"):
        read_state_dict(path)


def test_a_program_is_refused(source: nn.Sequential, tmp_path: Path) -> None:
    path = tmp_path / "program.pt"
    torch.jit.save(torch.jit.trace(source, torch.zeros(1, 1, 8, 8)), path)
    with pytest.raises(BadInput, match="is a TorchScript program"):
        read_state_dict(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated(source: nn.Sequential, tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / "weights"
    if kind == "safetensors":
        save_file(source.state_dict(), path)
    else:
        torch.save(source.state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadInput, match="is not a whole"):
        read_state_dict(path)


def test_another_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "readme.pth"
    path.write_text("epoch: 3\nloss: 0.2\n")
    with pytest.raises(BadInput, match="is not a whole checkpoint"):
        read_state_dict(path)
    with pytest.raises(BadInput, match="there is no such file"):
        read_state_dict(tmp_path / "absent.pth")


def test_an_archive_that_swells(source: nn.Sequential, tmp_path: Path) -> None:
    plain, swollen = tmp_path / "plain.pth", tmp_path / "swollen.pth"
    torch.save(source.state_dict(), plain)
    with zipfile.ZipFile(plain) as archive, zipfile.ZipFile(swollen, "w", 8) as packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
        packed.writestr("plain/data/99", bytes(10_000_000))
    with pytest.raises(BadInput, match="unpacks to more than its own size"):
        read_state_dict(swollen)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ([1, 2], "holds a list"),
        ({}, "holds an empty dict"),
        ({"state_dict": {}}, "holds an empty dict"),
        ({"a": torch.zeros(2), "step": 3}, r"'step' \(int\) is not a plain, dense tensor"),
        ({"a": torch.eye(3).to_sparse()}, "'a'"),
        ({"a": torch.zeros(3, device="meta")}, "'a'"),
        ({"a": torch.zeros(1).expand(2**50)}, "'a'"),
        ({3: torch.zeros(1)}, "'3'"),
    ],
)
def test_what_is_no_state_dict(tmp_path: Path, content: Any, what: str) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(BadInput, match=what):
        read_state_dict(path)


def test_names_that_do_not_match(source: nn.Sequential, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    state = {name.replace("weight", "Weight"): v for name, v in source.state_dict().items()}
    torch.save(state, path)
    with pytest.raises(BadInput) as caught:
        load_state(network(), path)
    assert "lacks '0.weight'" in str(caught.value)
    assert "'1.weight' (near: '1.Weight')" in str(caught.value)
    assert "has '0.Weight', '1.Weight', '3.Weight', unknown" in str(caught.value)


def test_shapes_that_do_not_match(source: nn.Sequential, tmp_path: Path) -> None:
    path, wide = tmp_path / "weights.pth", network(5)
    torch.save(source.state_dict(), path)
    before = copy.deepcopy(wide.state_dict())
    with pytest.raises(BadInput, match=r"0\.weight is \[4, 1, 3, 3\], not \[5, 1, 3, 3\]"):
        load_state(wide, path)
    torch.testing.assert_close(wide.state_dict(), before)


def test_many_names_are_not_all_told(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({f"layer{i}": torch.zeros(1) for i in range(1000)}, path)
    with pytest.raises(BadInput, match="and 997 more") as caught:
        load_state(network(), path)
    assert len(str(caught.value)) < 600
