"""Exports a torch model, or a full-integer TFLite file, to a C library."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from edgekd import __version__
from edgekd.errors import BadInput, RunFailed, Unavailable
from edgekd.export.c import SOURCE_MODEL
from edgekd.export.c.emit.source import layer_title
from edgekd.export.c.generate import Library as Generated
from edgekd.export.c.generate import generate
from edgekd.export.c.passes.report import NOTHING
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.tflite import TfliteExporter
from edgekd.export.tflite_preflight import inspect_tflite
from edgekd.files import write_text
from edgekd.records import Layer, Library, MemoryBlock, MemoryMap, Preflight
from edgekd.target import Microcontroller

SOURCE_FILE = "model.c"
_FULL_INTEGER = ("int8", "int8-qat", "int4")


class CExporter:
    """Writes ``model.c``, ``model.h``, ``CMakeLists.txt`` and ``example.c``."""

    def export(self, request: ExportRequest) -> ExportedModel:
        """See :meth:`edgekd.export.contract.Exporter.export`; the model goes through TFLite."""
        if request.precision not in _FULL_INTEGER:
            raise Unavailable(
                f"a microcontroller computes in integers, not in {request.precision}",
                mend="int8 or int4",
            )
        if request.microcontroller is None:
            raise BadInput("the target names no microcontroller", mend="add its section")
        with tempfile.TemporaryDirectory() as folder:
            file = TfliteExporter(grouped=False).export(replace(request, out=Path(folder)))
            exported = export_tflite(
                file.path, request.microcontroller, request.out, request.ram_bytes
            )
        return replace(exported, scheme=file.scheme, tools={**file.tools, **exported.tools})


def export_tflite(
    model: Path, part: Microcontroller, out: Path, ram_bytes: int | None
) -> ExportedModel:
    """Write the library of a full-integer TFLite file.

    Args:
        model: the file.
        part: what to generate for.
        out: existing folder.
        ram_bytes: budget of the target, stack included, if it has one.

    Raises:
        BadInput: the file is damaged or not full-integer.
        Unavailable: an operator has no kernel.
        RunFailed: the folder cannot be written.
    """
    arena = None if ram_bytes is None else max(0, ram_bytes - part.stack_bytes)
    generated = generate(model, part.instructions, part.flash, arena)
    inputs, outputs, preflight = inspect_tflite(model)
    for name, text in generated.files.items():
        write_text(out / name, text)
    try:
        shutil.copyfile(model, out / SOURCE_MODEL)
    except OSError as error:
        raise RunFailed(f"cannot be written: {error.strerror}", where=str(out)) from error
    return ExportedModel(
        out / SOURCE_FILE,
        inputs,
        outputs,
        scheme="as in the TFLite file",
        preflight=_preflight(generated, preflight),
        tools={"edgekd": __version__},
        library=_record(generated),
    )


def _preflight(generated: Generated, file: Preflight) -> Preflight:
    """Every operator has a kernel, or the export would have failed."""
    plain = Counter(
        step.operator.kind for step in generated.steps if step.variant.startswith("plain")
    )
    layers = sum(step.layers for step in generated.steps)
    return Preflight(
        operators=file.operators,
        delegated=layers - plain.total(),
        undelegated=dict(sorted(plain.items())),
        transposes=file.transposes,
        notes=_found(generated),
    )


def _found(generated: Generated) -> list[str]:
    """One line for each pass that changed something."""
    return [str(report) for report in generated.passes if report.summary != NOTHING]


def _record(generated: Generated) -> Library:
    plan = generated.plan
    blocks = [
        MemoryBlock(
            name=block.name,
            kind=block.kind,
            first=block.first,
            last=block.last,
            offset=block.offset,
            bytes=block.bytes,
            overlaid_on=list(block.overlaid_on),
        )
        for block in plan.blocks
    ]
    names = [layer_title(number, step) for number, step in enumerate(generated.steps)]
    return Library(
        layers=[
            Layer(name=name, kernel=step.variant, macs=step.macs)
            for name, step in zip(names, generated.steps, strict=True)
        ],
        passes=_found(generated),
        memory_map=MemoryMap(
            steps=names,
            blocks=blocks,
            arena_bytes=plan.arena_bytes,
            lower_bound=plan.lower_bound,
            peak_step=plan.peak_step,
        ),
    )
