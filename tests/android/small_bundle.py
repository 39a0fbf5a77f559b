"""A bundle of a few bytes, as a run leaves it; no runtime reads its model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

MODEL = b"a model" * 100
GOLDEN = b"golden tensors"
TOKENIZER = b'{"version": "1.0"}'


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def bundle_record(**changes: Any) -> dict[str, Any]:
    """What ``bundle.json`` holds, with some fields otherwise."""
    tensor = {"name": "x", "shape": [1, 4], "layout": "NC", "dtype": "float32"}
    return {
        "schema": 1,
        "name": "small",
        "rung": "distilled-int8",
        "format": "onnx",
        "precision": "int8",
        "scheme": "int8 weights",
        "model": "model.onnx",
        "sha256": _sha256(MODEL),
        "bytes": len(MODEL),
        "inputs": [tensor],
        "outputs": [{**tensor, "name": "y"}],
        "labels": ["a", "b", "c", "d"],
        "preprocessing": None,
        "golden": "golden.safetensors",
        "golden_sha256": _sha256(GOLDEN),
        "preflight": {"operators": {"MatMul": 1}, "delegated": 1},
        "tools": {},
        **changes,
    }


def write_bundle(folder: Path, **changes: Any) -> Path:
    """Write one, with some fields of its record otherwise; its folder."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(MODEL)
    (folder / "golden.safetensors").write_bytes(GOLDEN)
    (folder / "tokenizer.json").write_bytes(TOKENIZER)
    (folder / "bundle.json").write_text(json.dumps(bundle_record(**changes)), encoding="utf-8")
    return folder


def text_settings(**changes: Any) -> dict[str, Any]:
    """``preprocessing`` of a model of text, whose tokenizer :func:`write_bundle` writes."""
    text = {"tokenizer": "tokenizer.json", "tokenizer_sha256": _sha256(TOKENIZER), "length": 8}
    return {"scale": 1.0, "mean": [0.0], "std": [1.0], "text": {**text, **changes}}
