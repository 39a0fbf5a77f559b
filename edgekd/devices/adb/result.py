"""What the app, or the program without an app, says of one start: one JSON object.

``result.schema.json`` beside this file is the JSON Schema of :class:`AppResult`; the app's own
tests use that file. What comes from a phone is hostile until it is one of these: bounded in size,
no unknown fields, no NaN, no numbers in strings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgekd.devices.adb.problems import shown
from edgekd.devices.contract import DType
from edgekd.errors import RunFailed

SCHEMA_FILE = Path(__file__).with_name("result.schema.json")
MAX_RESULT_BYTES = 32 * 1024 * 1024
MAX_OUTPUT_BYTES = 4 * 1024 * 1024
_MAX_BASE64 = (MAX_OUTPUT_BYTES + 2) // 3 * 4

Pass = Literal["latency", "memory", "outputs"]
Engine = Literal["litert", "executorch", "onnx", "c"]
ErrorReason = Literal["request", "engine", "model", "hash", "inputs", "memory", "storage", "other"]
Text = Annotated[str, Field(max_length=200)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]
Milliseconds = Annotated[float, Field(ge=0, le=1e9)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class EngineUsed(_Part):
    """What ran the model.

    Attributes:
        name: of the engine.
        version: of the runtime, as it tells itself.
        delegate: what the runtime really built the model with, told after loading it. Where the
            intent asked for one: that same name if the runtime took it without complaint and, where
            it tells which operators went to it, gave it at least one; otherwise the name of what is
            used in its place, or null where that is not known. Never an echo of the intent alone.
            Where the intent asked for none: the engine's default, or what the file was lowered for
            (``XnnpackBackend``), where it is known.
    """

    name: Engine
    version: Text | None = None
    delegate: Text | None = None


class Load(_Part):
    """Milliseconds to load the model: first in this process, and once more."""

    cold: Milliseconds
    warm: Milliseconds | None = None


class Timed(_Part):
    """Milliseconds of single inferences, in the order in which they were taken."""

    p50: Milliseconds
    p90: Milliseconds | None = None
    p99: Milliseconds | None = None
    n: int = Field(ge=1, le=1_000_000)
    warmup: int = Field(ge=0, le=1_000_000)
    samples: list[Milliseconds] = Field(min_length=1, max_length=1_000_000)

    @model_validator(mode="after")
    def _counts(self) -> Timed:
        if self.n != len(self.samples):
            raise ValueError("n is not the number of samples")
        return self


class MemoryUsed(_Part):
    """Bytes of the whole process, read after the inferences of a memory pass.

    Attributes:
        pss_bytes: proportional set size.
        pss_before_bytes: the same before the model was loaded.
        native_heap_bytes: allocated on the native heap.
        peak_rss_bytes: largest resident set size (VmHWM).
        arena_bytes: tensors and scratch, where the engine plans them.
    """

    pss_bytes: Bytes | None = None
    pss_before_bytes: Bytes | None = None
    native_heap_bytes: Bytes | None = None
    peak_rss_bytes: Bytes | None = None
    arena_bytes: Bytes | None = None


class Probed(_Part):
    """What the process sees of its phone."""

    soc: Text | None = None
    cpu_features: list[Text] = Field(default_factory=list, max_length=256)
    page_bytes: int | None = Field(default=None, ge=1024, le=2**20)


class Seen(_Part):
    """The phone's state during the pass, as the process saw it.

    Attributes:
        thermal_status: highest, 0 to 6 (``PowerManager.getCurrentThermalStatus``).
        thermal_headroom: largest forecast, 1.0 is severe throttling.
        battery_percent: lowest.
        battery_celsius: highest.
        foreground: whether the app was in front all the time.
    """

    thermal_status: int | None = Field(default=None, ge=0, le=6)
    thermal_headroom: float | None = Field(default=None, ge=0, le=100)
    battery_percent: int | None = Field(default=None, ge=0, le=100)
    battery_celsius: float | None = Field(default=None, ge=-100, le=200)
    foreground: bool | None = None


class OutputTensor(_Part):
    """One output for all golden samples: ``[samples, *shape]``, little-endian bytes in base64."""

    name: str = Field(max_length=1024)
    dtype: DType
    shape: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field(max_length=8)
    data: str = Field(max_length=_MAX_BASE64, pattern=r"^[A-Za-z0-9+/]*={0,2}$")


class AppError(_Part):
    """Why a start gave no figures.

    ``request``: the extras are wrong, or name a delegate that the engine does not have; ``engine``:
    it, or the delegate, is missing on this phone or failed; ``model``: it cannot be loaded;
    ``hash``: it is another file; ``inputs``: wrong shape, dtype or values; ``memory`` and
    ``storage``: there was not enough.
    """

    reason: ErrorReason
    message: str = Field(max_length=2000)


class AppResult(_Part):
    """One start, one pass: with an ``error``, or with what its pass found.

    Attributes:
        run_id: of the intent.
        pass_: of the intent: what this start was for.
        application: name and version of what wrote this.
        engine: of the intent, and what it used.
        model_sha256: of the file that was loaded.
        threads: of one inference.

    ``pass``, ``engine`` and ``threads`` may be null, or left out, in an error: what the intent says
    of them may be what is wrong with it.
    """

    schema_version: Literal[1] = Field(alias="schema")
    run_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    pass_: Pass | None = Field(default=None, alias="pass")
    application: Text
    engine: EngineUsed | None = None
    model_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    threads: int | None = Field(default=None, ge=1, le=64)
    error: AppError | None = None
    load_ms: Load | None = None
    latency_ms: Timed | None = None
    memory: MemoryUsed | None = None
    outputs: list[OutputTensor] | None = Field(default=None, max_length=64)
    device: Probed | None = None
    conditions: Seen | None = None

    @model_validator(mode="after")
    def _holds_its_pass(self) -> AppResult:
        found = {"latency": self.latency_ms, "memory": self.memory, "outputs": self.outputs}
        figures = None if self.pass_ is None else found[self.pass_]
        if (figures is None) != (self.error is not None):
            raise ValueError(f"a {self.pass_} pass holds either its figures or an error")
        if self.error is None and None in (self.engine, self.threads, self.model_sha256):
            raise ValueError("figures without the engine, threads and hash that they are of")
        return self


def parse_result(data: bytes, run_id: str) -> AppResult:
    """Check what a phone sent.

    Raises:
        RunFailed: it is too large, cut short, no such object, or of another run.
    """
    if len(data) > MAX_RESULT_BYTES:
        raise RunFailed(f"the result is larger than {MAX_RESULT_BYTES} bytes")
    try:
        result = AppResult.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        place = data[:80].decode(errors="replace") if first["type"] == "json_invalid" else key
        raise RunFailed(
            f"the phone left no whole result: {first['msg']} at {shown(place)!r}",
            mend="is the app of this version of edgekd?",
        ) from error
    if result.run_id != run_id:
        raise RunFailed("the phone left the result of another run")
    return result


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a result: what ``result.schema.json`` holds."""
    schema = AppResult.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """``result.schema.json`` as it must be."""
    return json.dumps(json_schema(), indent=2) + "\n"
