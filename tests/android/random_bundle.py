"""Bundles of random values as a run writes them, for images, sounds and texts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgekd.data.front_end import feature_shape
from edgekd.export.contract import Bundle, Layout, Preprocessing, TensorSpec, TextSettings
from edgekd.files import sha256_of, write_json
from edgekd.recipe import FrontEnd
from edgekd.records import Format, Preflight

FORMATS: tuple[tuple[Format, str], ...] = (
    ("onnx", "onnx"),
    ("tflite", "tflite"),
    ("executorch", "pte"),
)
FRONT_ENDS = (
    FrontEnd(sample_rate=8000),
    FrontEnd(kind="log-mel", seconds=0.73, window_ms=31.25, stride_ms=9.7, mel_bins=23),
    FrontEnd(sample_rate=11025, seconds=1.5, coefficients=13, low_hz=0.0, high_hz=5512.5),
)
# Stored dtype, scale and zero point.
STORED = (
    ("int8", 0.012728233821690083, -95),
    ("int8", 0.5, 0),
    ("uint8", 0.003921568859368563, 255),
    ("float16", None, None),
    ("float32", None, None),
)


def write_random_bundle(folder: Path, draw: random.Random) -> Bundle:
    """Write one into a new folder; no runtime reads its model."""
    from safetensors.numpy import save_file

    folder.mkdir()
    name, suffix = draw.choice(FORMATS)
    model, golden = folder / f"model.{suffix}", folder / "golden.safetensors"
    model.write_bytes(draw.randbytes(draw.randrange(100_000, 300_000)))
    save_file({"inputs": np.zeros((2, 3), np.float32)}, golden)
    labels = [draw.choice(["cat", "naïve", "日本", 'a"b\\c', "\u2028", "😀"]) for _ in range(7)]
    shape, preprocessing = draw.choice([_image, _sound, _text])(folder, draw)
    layout: Layout = "NC" if preprocessing.text else "NHWC" if name == "tflite" else "NCHW"
    dtypes = ("int32", "int64") if preprocessing.text else None
    bundle = Bundle(
        name="ding dong",
        rung="distilled-int8",
        format=name,
        precision="int8",
        scheme="int8 — per channel",
        model=model.name,
        sha256=sha256_of(model),
        bytes=model.stat().st_size,
        inputs=[_tensor_spec(draw, shape, layout, dtypes)],
        outputs=[_tensor_spec(draw, (len(labels),), "NC")],
        labels=labels,
        preprocessing=preprocessing,
        golden=golden.name,
        golden_sha256=sha256_of(golden),
        preflight=Preflight(operators={"Conv": 3}, delegated=1),
        tools={"torch": "2"},
    )
    write_json(folder / "bundle.json", bundle.model_dump(mode="json", by_alias=True))
    return bundle


def _image(_: Path, draw: random.Random) -> tuple[tuple[int, ...], Preprocessing]:
    channels = draw.choice([1, 2, 3])
    mean = [draw.gauss(0, 1) for _ in range(channels)]
    std = [draw.expovariate(1) + 1e-3 for _ in range(draw.choice([1, channels]))]
    return (channels, 5, 6), Preprocessing(scale=1 / draw.randrange(1, 300), mean=mean, std=std)


def _sound(_: Path, draw: random.Random) -> tuple[tuple[int, ...], Preprocessing]:
    front_end = draw.choice(FRONT_ENDS)
    shape = feature_shape(front_end)
    mean = [draw.gauss(0, 50) for _ in range(shape[2])]
    std = [draw.expovariate(0.1) + 1e-3 for _ in range(shape[2])]
    values = _as_stage_parameters(front_end)
    return shape, Preprocessing(scale=1, mean=mean, std=std, axis="bin", front_end=values)


def _text(folder: Path, draw: random.Random) -> tuple[tuple[int, ...], Preprocessing]:
    tokenizer = folder / "tokenizer.json"
    write_json(tokenizer, {"version": "1.0"})
    length = draw.randrange(1, 512)
    settings = TextSettings(
        tokenizer=tokenizer.name, tokenizer_sha256=sha256_of(tokenizer), length=length
    )
    return (length,), Preprocessing(scale=1, mean=[0], std=[1], text=settings)


def _as_stage_parameters(front_end: FrontEnd) -> dict[str, int | float | str]:
    """Whole numbers may have become floats."""
    values: dict[str, int | float | str] = front_end.model_dump()
    return {key: value if isinstance(value, str) else float(value) for key, value in values.items()}


def _tensor_spec(
    draw: random.Random,
    shape: Sequence[int],
    layout: Layout,
    integers: Sequence[str] | None = None,
) -> TensorSpec:
    if layout == "NHWC":
        shape = (*shape[1:], shape[0])
    dtype, scale, zero_point = (
        (draw.choice(integers), None, None) if integers else draw.choice(STORED)
    )
    return TensorSpec.model_validate(
        {
            "name": f"x{draw.randrange(100)}",
            "shape": [1, *shape],
            "layout": layout,
            "dtype": dtype,
            "scale": scale,
            "zero_point": zero_point,
        }
    )
