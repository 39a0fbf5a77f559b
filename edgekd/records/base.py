"""What every record is, and the words that many of them use."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

SCHEMA = 1

Precision = Literal["fp32", "fp16", "int8", "int8-qat", "int4"]
Format = Literal["tflite", "executorch", "onnx", "coreml", "c"]
Kind = Literal["device", "emulated", "host", "estimate"]


class Record(BaseModel):
    """A strict record: no unknown fields, no NaN and no infinity."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)
