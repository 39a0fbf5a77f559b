"""What ONNX Runtime makes of an ONNX file, found in a process of its own (see ``probe``)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_ERRORS_ONLY = 3


def optimised_graph(path: Path, folder: Path) -> dict[str, Any]:
    """The graph that ONNX Runtime's CPU provider runs, after all of its optimisations.

    Returns:
        ``initializers``: name to ONNX element type; ``nodes``: ``{"name", "inputs", "outputs",
        "to"}`` each, ``to`` being the element type that a Cast gives.

    Raises:
        Exception: ONNX's checker or ONNX Runtime refuses the file.
    """
    import onnx
    import onnxruntime

    onnx.checker.check_model(str(path))
    optimised = folder / "optimised.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.optimized_model_filepath = str(optimised)
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    graph = onnx.load(str(optimised)).graph
    return {
        "initializers": {tensor.name: tensor.data_type for tensor in graph.initializer},
        "nodes": [
            {
                "name": node.op_type,
                "inputs": list(node.input),
                "outputs": list(node.output),
                "to": next((item.i for item in node.attribute if item.name == "to"), 0),
            }
            for node in graph.node
        ],
    }


def main(path: Path, folder: Path) -> None:
    """Leave ``result.json`` in the folder."""
    try:
        result = optimised_graph(path, folder)
    # The bindings' exceptions derive from Exception alone.
    except Exception as error:
        lines = str(error).strip().splitlines()
        result = {"problem": lines[0] if lines else type(error).__name__}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
