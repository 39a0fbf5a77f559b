"""What comes out: the typed records of ``report.json``, schema 1.

The names here are a contract. Fields may be added; none is renamed or removed.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA = 1

Precision = Literal["fp32", "fp16", "int8", "int8-qat", "int4"]
Format = Literal["tflite", "executorch", "onnx", "c"]
Kind = Literal["device", "emulated", "host", "estimate"]


class Record(BaseModel):
    """A strict record: no unknown fields, no NaN and no infinity."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)


class RungAccuracy(Record):
    """Accuracy of a rung over its seeds.

    ``value`` is the mean over seeds; ``ci95`` covers both the seeds and the ``n`` test samples.
    """

    metric: str
    value: float
    ci95: tuple[float, float]
    n: int
    per_seed: list[float]


class Rung(Record):
    """One variant on the ladder. ``bytes`` is the size of its weights at its precision.

    Parameters, MACs and bytes are null where a teacher is only heard of.
    """

    name: str
    precision: Precision
    parameters: int | None
    macs: int | None
    bytes: int | None
    accuracy: RungAccuracy


class MeasuredAccuracy(Record):
    """Accuracy of an exported file, over ``n`` test samples."""

    value: float
    n: int


class ParityStep(Record):
    """Outputs of one step of the chain against the step before it.

    ``exact`` is set where the step claims to equal the one before it to the last bit.
    ``sqnr_db`` is null where both are equal to the last bit (there is no noise to compare with),
    ``top1_agreement`` where the outputs are no classes.
    """

    step: str
    against: str
    max_abs: float
    sqnr_db: float | None
    top1_agreement: float | None
    n: int
    diverged: bool
    exact: bool = False


class Parity(Record):
    """The artifact's outputs against its reference, on the whole test set, and the chain to it."""

    against: str
    max_abs: float
    sqnr_db: float | None
    top1_agreement: float | None
    n: int
    steps: list[ParityStep] = Field(default_factory=list)
    first_divergence: str | None = None
    golden_max_abs: float | None = None


class Latency(Record):
    """Milliseconds of one inference, single stream, warm-up dropped.

    ``p90`` and ``p99`` are null where the samples are too few to carry them.
    """

    p50: float
    p90: float | None
    p99: float | None
    n: int
    warmup: int
    threads: int = 1
    samples: str | None = Field(default=None, description="file with the raw samples, run-relative")


class Memory(Record):
    """Bytes. Null: not measured, or without meaning on this device.

    ``peak_rss_bytes`` is the whole process, runtime included; ``ram_bytes`` is what loading and
    running the model added to it, pages of the runtime's own code left out.
    """

    peak_rss_bytes: int | None = None
    ram_bytes: int | None = None
    arena_bytes: int | None = None
    stack_bytes: int | None = None
    flash_bytes: int | None = None
    model_bytes: int | None = None


class VsTeacher(Record):
    """Ratios to the fp32 teacher on the same target in the same run; above 1 is better."""

    accuracy_retained: float | None = None
    speedup: float | None = None
    size_ratio: float | None = None
    memory_ratio: float | None = None


class BudgetResult(Record):
    """Whether the target's budget holds, and which limits were exceeded."""

    ok: bool
    exceeded: list[str] = Field(default_factory=list)


class Preflight(Record):
    """What the runtime will really do with the graph, counted before it is measured.

    Attributes:
        operators: operator name to count, in the file's own terms.
        delegated: operators taken by the accelerated path (delegate or fused kernels).
        undelegated: operators left outside it, name to count.
        transposes: layout changes inside the graph.
        float_fallbacks: operators of a quantized file that still compute in float.
        notes: one line each for what a user must know.
    """

    operators: dict[str, int]
    delegated: int
    undelegated: dict[str, int] = Field(default_factory=dict)
    transposes: int = 0
    float_fallbacks: dict[str, int] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)


class MemoryBlock(Record):
    """One stretch of a microcontroller's arena while it holds one thing.

    Attributes:
        name: of the tensor, or of the operator whose scratch it is.
        first: number of the first step that needs it; -1: it is there before.
        last: of the last one; the number of steps: it stays.
        offset: bytes from the start of the arena.
        overlaid_on: names of the tensors with which it shares bytes.
    """

    name: str
    kind: Literal["tensor", "scratch"]
    first: int
    last: int
    offset: int
    bytes: int
    overlaid_on: list[str] = Field(default_factory=list)


class MemoryMap(Record):
    """The planned arena of a C library; ``lower_bound``: no plan can need less."""

    steps: list[str]
    blocks: list[MemoryBlock]
    arena_bytes: int
    lower_bound: int
    peak_step: int


class Layer(Record):
    """One step of a C library: which kernel it got, and its multiply-accumulates."""

    name: str
    kernel: str
    macs: int


class Library(Record):
    """What the generator of C did, for the report.

    Attributes:
        layers: in the order in which they run.
        passes: one line for each rewriting of the graph that found something.
        memory_map: of the arena.
    """

    layers: list[Layer]
    passes: list[str]
    memory_map: MemoryMap


class Cost(Record):
    """Instructions of one layer or function in one inference."""

    name: str
    instructions: int


class Profile(Record):
    """Where the instructions and the bytes of a firmware go.

    Attributes:
        counted_by: how instructions were counted.
        layers: in order.
        functions: largest first.
        flash: bytes by role, as linked.
        ram: likewise.
    """

    counted_by: str
    layers: list[Cost]
    functions: list[Cost]
    flash: dict[str, int]
    ram: dict[str, int]


class Estimate(Record):
    """Cycles by a model of the core, and time at a stated clock; not a measurement."""

    model: str
    cycles: int
    clock_hz: int | None = None
    assumptions: list[str]


class Measurement(Record):
    """One rung on one target."""

    rung: str
    target: str
    format: Format
    precision: Precision
    device: str
    artifact: str
    sha256: str
    kind: Kind
    valid: bool
    reasons: list[str] = Field(default_factory=list)
    accuracy: MeasuredAccuracy | None = None
    parity: Parity | None = None
    latency_ms: Latency | None = None
    instructions: int | None = None
    cycles: int | None = None
    memory: Memory = Field(default_factory=Memory)
    vs_teacher: VsTeacher = Field(default_factory=VsTeacher)
    budget: BudgetResult = Field(default_factory=lambda: BudgetResult(ok=True))
    preflight: Preflight | None = None
    scheme: str | None = None
    seed: int | None = None
    library: Library | None = None
    profile: Profile | None = None
    assumptions: list[str] = Field(default_factory=list)

    @property
    def accuracy_holds(self) -> bool:
        """Whether the accuracy counts, even where the figures of time do not.

        It comes from a pass of its own, which a disturbed timing does not touch.
        """
        diverged = bool(self.parity and self.parity.steps and self.parity.steps[-1].diverged)
        return self.accuracy is not None and not diverged

    @property
    def has_figures(self) -> bool:
        """Whether anything of its cost was found."""
        return (self.latency_ms or self.instructions or self.cycles) is not None

    @model_validator(mode="after")
    def _claims_only_what_its_kind_may(self) -> Measurement:
        if self.kind == "emulated" and (self.latency_ms or self.cycles is not None):
            raise ValueError("an emulated measurement may not claim milliseconds or cycles")
        if self.kind == "host" and self.cycles is not None:
            raise ValueError("a host measurement may not claim cycles")
        if not self.valid and not self.reasons:
            raise ValueError("an invalid measurement must give its reasons")
        return self


class UnavailableCell(Record):
    """A (rung, target) pair that cannot honestly be made, and why."""

    rung: str
    target: str
    format: Format
    precision: Precision
    reason: str


class Verdict(Record):
    """Whether distillation was worth it; ``gain`` and ``ci95`` in accuracy (0 to 1)."""

    distillation_worth_it: bool
    gain: float
    ci95: tuple[float, float]
    why: str
    teacher_labels: str | None = None


class Loss(Record):
    """Percentage points lost at one stage of the way to one artifact; negative is a gain."""

    stage: str
    points: float
    rung: str
    target: str


class Report(Record):
    """``report.json``, schema 1."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    recipe: str
    seeds: list[int]
    environment: dict[str, Any]
    rungs: list[Rung]
    measurements: list[Measurement]
    unavailable: list[UnavailableCell] = Field(default_factory=list)
    verdict: Verdict | None = None
    losses: list[Loss] = Field(default_factory=list)
    facts: dict[str, Any] = Field(
        default_factory=dict,
        description="what the figures rest on: splits, labels, chosen learning rates, cache use",
    )


class SweepPoint(Record):
    """One setting of a sweep or a search.

    Attributes:
        values: recipe key to value.
        state: ``finished``: trained with every seed. Of a search besides: ``trial``: trained with
            one seed, its validation figure chose the best; ``stopped``: given up, because it was
            behind the others on validation data.
        validation: metric on validation data at each seed.
        accuracy: on test data over the seeds; null unless finished.
        learning_rate: that was chosen.
    """

    values: dict[str, Any]
    state: Literal["finished", "trial", "stopped"]
    validation: list[float] = Field(default_factory=list)
    accuracy: RungAccuracy | None = None
    learning_rate: float | None = None


class Lead(Record):
    """How far the chosen setting is ahead of another on test data; intervals as of a verdict."""

    over: dict[str, Any]
    gain: float
    ci95: tuple[float, float]
    beyond_noise: bool


class Sweep(Record):
    """``sweep.json``: every setting that was tried, and which is best.

    Attributes:
        over: recipe key to the values or the range that was searched.
        teacher: over its test samples.
        control: the same student from its labels alone, under the recipe's own setting.
        best: index into ``points``: highest mean on validation data.
        lead: of the best over the second, on test data; null where there is no second.
        why: the verdict in a sentence.
        teacher_seconds: spent on the teacher and its answers.
        student_seconds: spent on all trainings of students.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    recipe: str
    seeds: list[int]
    metric: str
    over: dict[str, Any]
    environment: dict[str, Any]
    teacher: RungAccuracy
    control: RungAccuracy | None = None
    points: list[SweepPoint]
    best: int | None = None
    lead: Lead | None = None
    why: str
    teacher_seconds: float
    student_seconds: float


class Candidate(Record):
    """One student that ``edgekd fit`` considered.

    Attributes:
        values: recipe key to value.
        prune: share of its channels that is removed.
        flash_bytes: estimate of weights at the precision.
        ram_bytes: estimate of the arena of activations.
        refused: which budgets the estimate exceeds; empty where it was worth training.
        validation: metric of the student at its precision; null where it was not trained.
        accuracy: likewise, on test data.
    """

    values: dict[str, Any]
    prune: float
    precision: Precision
    parameters: int
    macs: int
    flash_bytes: int
    ram_bytes: int
    refused: list[str] = Field(default_factory=list)
    validation: float | None = None
    accuracy: RungAccuracy | None = None


class Fit(Record):
    """``fit.json``: the best student inside a budget, or what stands in its way.

    Attributes:
        budget: what was asked: ``ram_bytes``, ``flash_bytes``, ``accuracy``.
        chosen: index into ``candidates``; null where nothing fits.
        binding: the constraint that nothing meets; null where something fits.
        why: the answer in a sentence.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    recipe: str
    seed: int
    metric: str
    environment: dict[str, Any]
    budget: dict[str, float]
    candidates: list[Candidate]
    chosen: int | None
    binding: str | None
    why: str
