"""What LiteRT makes of a TFLite file, found in a process of its own (see ``probe``)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def nodes_of(path: Path) -> list[dict[str, Any]]:
    """Nodes of the first subgraph after the default delegate (XNNPACK) was applied.

    The delegate's own nodes come last, named ``DELEGATE``; those it took are still listed.

    Returns:
        ``{"name", "inputs", "outputs"}`` each, with tensor indices; -1 stands for no tensor.

    Raises:
        ValueError, RuntimeError: LiteRT refuses the file.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return [
        {
            "name": node["op_name"],
            "inputs": [int(index) for index in node["inputs"]],
            "outputs": [int(index) for index in node["outputs"]],
        }
        for node in interpreter._get_ops_details()
    ]


def main(path: Path, folder: Path) -> None:
    """Leave ``result.json`` in the folder."""
    try:
        result: dict[str, Any] = {"nodes": nodes_of(path)}
    # ValueError includes UnicodeDecodeError: names in a damaged file.
    except (ValueError, RuntimeError) as error:
        result = {"problem": str(error).strip().splitlines()[0]}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
