"""The figures of one artifact: exact instructions, where they went, and the memory it adds."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekd.devices.arm64.conversation import Guest
from edgekd.devices.arm64.counts import (
    CLOCK_SOURCE,
    PLUGIN_SOURCE,
    Counts,
    plugin_options,
    read_counts,
)
from edgekd.devices.arm64.guest_process import EMULATOR, Instruments, open_guest
from edgekd.devices.arm64.placement import parse_operators
from edgekd.devices.arm64.protocol import (
    MAX_JSON_BYTES,
    Description,
    Operation,
    encode_inputs,
)
from edgekd.devices.arm64.symbols import Symbols, demangled
from edgekd.devices.contract import Array, Figures
from edgekd.devices.plugins import build_plugin, emulator_version
from edgekd.devices.tensors import random_inputs
from edgekd.errors import RunFailed
from edgekd.records import Cost, Memory, Profile
from edgekd.target import Target

# Counts hardly depend on the input, but softmax and the like do a little.
MEASURED_SAMPLES = 4
# Python's interpreter rewrites its bytecode while it is first run: counts settle after that.
WARMUP = 16
# Of each input, in rounds; the least counts: now and then the allocator tidies up.
REPEATS = 3
FUNCTIONS = 20
_LONGEST_NAME = 120
REMAINDER = "everything else"
_PACKAGES = {"litert": "ai-edge-litert", "onnx": "onnxruntime", "executorch": "executorch"}


@dataclass(frozen=True)
class Findings:
    """What one guest process told.

    Attributes:
        counts: of the plugin.
        ran: who ran what: delegate or provider to operator to count.
        versions: of what is in the sysroot.
    """

    counts: Counts
    ran: dict[str, dict[str, int]]
    versions: dict[str, str]


# Chooses one of the calls that a model has, and gives what it then is and its inputs.
Choose = Callable[[Guest], tuple[Description, Sequence[Array]]]


def measure_artifact(
    artifact: Path,
    target: Target,
    inputs: Sequence[Array] | None,
    timeout_seconds: float,
    choose: Choose | None = None,
) -> Figures:
    """Load the artifact, warm it up, and count each input; all in one guest process.

    Args:
        inputs: as :class:`edgekd.devices.contract.Device` takes them; the first few are counted.
        timeout_seconds: of the process.
        choose: which call is counted and its inputs, instead of ``inputs``; ``None``: the only
            one.

    Raises:
        BadInput, MissingPackage, RunFailed: as for
            :func:`edgekd.devices.arm64.guest_process.open_guest`; and the counts are damaged.
    """
    output = Path("counts.txt")
    instruments = Instruments(
        plugin=build_plugin(PLUGIN_SOURCE, EMULATOR),
        options=plugin_options(artifact, output, WARMUP),
        clock=build_plugin(CLOCK_SOURCE, EMULATOR),
    )
    with open_guest(artifact, target, timeout_seconds, instruments) as guest:
        description = guest.describe()
        if choose is not None:
            description, inputs = choose(guest)
        samples = inputs or random_inputs(description.signature.inputs, MEASURED_SAMPLES, seed=0)
        payloads = encode_inputs(description, [array[:MEASURED_SAMPLES] for array in samples])
        _count(guest, description, payloads)
        ran = _operators(guest, description)
        guest.finish()
        findings = Findings(read_counts(guest.folder / output), ran, dict(guest.sysroot.versions))
    return _figures(findings, len(payloads), artifact, target)


def _count(guest: Guest, description: Description, payloads: list[bytes]) -> None:
    # The plugin watches the memory from the opening of the file to the first marker.
    for payload in payloads:
        guest.ask(Operation.RUN, payload, most=description.output_bytes)
    rounds = [payloads[at % len(payloads)] for at in range(WARMUP)]
    for payload in [*rounds, *payloads * REPEATS]:
        guest.ask(Operation.COUNT, payload, most=description.output_bytes)
    if guest.sysroot.runner is None:
        for _ in range(WARMUP + REPEATS):
            guest.ask(Operation.EMPTY, most=0)


def _operators(guest: Guest, description: Description) -> dict[str, dict[str, int]]:
    if guest.sysroot.runner is None:
        return parse_operators(guest.ask(Operation.OPERATORS, most=MAX_JSON_BYTES))
    # The runtime is built without its tracer: it tells the delegates, not what is in them.
    return {name: {"delegate": count} for name, count in Counter(description.backends).items()}


def _figures(findings: Findings, inputs: int, artifact: Path, target: Target) -> Figures:
    counts = findings.counts
    if len(counts.regions) != WARMUP + inputs * REPEATS:
        raise RunFailed(f"{len(counts.regions)} regions were counted", where=artifact.name)
    marker = min(counts.empty[WARMUP:], default=0)
    counted = counts.regions[WARMUP:]
    each = [min(counted[at::inputs]) - marker for at in range(inputs)]
    instructions = round(statistics.mean(each))
    memory = counts.memory
    return Figures(
        reasons=_doubts(counts),
        instructions=instructions,
        instruction_counts=each,
        memory=Memory(
            ram_bytes=None if memory is None else memory.peak - memory.before,
            model_bytes=artifact.stat().st_size,
        ),
        profile=Profile(
            counted_by=_how(target, findings, marker),
            functions=_functions(counts, instructions),
            ran_on=findings.ran,
        ),
    )


def _doubts(counts: Counts) -> list[str]:
    if counts.disturbed:
        return ["another thread ran in the guest: the count is not that of one thread"]
    return []


def _how(target: Target, findings: Findings, marker: int) -> str:
    """How it was counted, in one line."""
    version = ".".join(map(str, emulator_version(EMULATOR)))
    core = target.arm64.core if target.arm64 else ""
    package = _PACKAGES.get(target.runtime, "")
    inside = f"{package} {findings.versions.get(package, 'of unknown version')}"
    taken_off = (
        f"{marker} instructions of the markers are taken off"
        if marker
        else "the few instructions between the markers and the call are in it"
    )
    return (
        f"TCG plugin of QEMU {version} as {core}, on {inside}; least of {REPEATS} runs of each "
        f"input; {taken_off}"
    )


def _functions(counts: Counts, instructions: int) -> list[Cost]:
    """Functions or files with most instructions in the shortest run, without the markers' own."""
    symbols = Symbols(counts.files)
    sums: Counter[tuple[str, str]] = Counter()
    for block in counts.blocks:
        entered = block.executed - block.executed_empty
        sums[symbols.name(block.address)] += entered * block.instructions
    largest = sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:FUNCTIONS]
    texts = demangled(function for (_, function), _ in largest if function)
    lines = [
        Cost(name=_line(file, texts.get(function, "")), instructions=count)
        for (file, function), count in largest
        if count > 0
    ]
    rest = instructions - sum(line.instructions for line in lines)
    return [*lines, Cost(name=REMAINDER, instructions=rest)] if rest > 0 else lines


def _line(file: str, function: str) -> str:
    return f"{function[:_LONGEST_NAME]} ({file})" if function else file
