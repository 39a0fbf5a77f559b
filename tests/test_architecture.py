"""The import rule: rooms import downwards only, and starting up imports nothing heavy."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "edgekd"
# A room may import rooms of a lower layer, and itself.
LAYERS = (
    {"errors", "padding", "__init__"},
    {"files", "processes"},
    {"records", "yaml_document", "third_party", "tool_environments"},
    {"recipe", "target", "debian", "wheels"},
    {"catalog", "vendor_sdk", "packages"},
    {"measure"},
    {"networks", "data"},
    {"teachers", "distill", "compress", "export", "devices", "report"},
    {"language"},
    {"pipeline", "android"},
    {"cli"},
    {"__main__"},
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
HEAVY = (
    *("torch", "tensorflow", "onnx", "onnxruntime", "executorch", "litert_torch", "torchao"),
    *("ai_edge_litert", "ai_edge_quantizer", "accelerate", "sklearn", "scipy", "matplotlib"),
    *("jinja2", "PIL", "pandas", "jax", "transformers", "tokenizers", "optuna", "torch_pruning"),
    "pyarrow",
)


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return {name for name in found if name == "edgekd" or name.startswith("edgekd.")}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.name))
def test_rooms_import_downwards(path: Path) -> None:
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    for module in imports_of(path):
        other = room_of(module)
        assert other == room or LEVEL[other] < LEVEL[room], f"{room} imports {module}"


def test_only_the_command_line_prints() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.is_relative_to(PACKAGE / "cli"):
            continue
        assert not re.search(r"(?<![\w.])print\(", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    "arguments", [["--help"], ["targets"], ["models"], ["doctor"], ["run", "x"]]
)
def test_starting_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['edgekd', *sys.argv[1:]]\n"
        "from edgekd.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print('MODULES', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.rpartition("MODULES")[2].split())
    assert not loaded & set(HEAVY)


def test_no_machine_path_is_in_the_repository() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    pattern = re.compile(rb"(?<![\w.])/(?:home|root|Users|work|opt)/\w+/")
    for path in paths:
        if path.is_file() and path != Path(__file__).resolve():
            assert not pattern.search(path.read_bytes()), path
