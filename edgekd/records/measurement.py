"""One rung on one target: what was measured and what it may claim."""

from __future__ import annotations

from pydantic import Field, model_validator

from edgekd.records.android import DeviceFacts
from edgekd.records.base import Format, Kind, Precision, Record
from edgekd.records.firmware import Library, Profile
from edgekd.records.language import ArtifactScore, CountedGeneration, Generation


class MeasuredAccuracy(Record):
    """Accuracy of an exported file, over ``n`` test samples.

    ``sampled_from`` is set where these were drawn, by the run's first seed, from so many.
    """

    value: float
    n: int
    sampled_from: int | None = None


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


class LoadTime(Record):
    """Milliseconds until a model is ready to run, on a device.

    Attributes:
        cold: the first load in a fresh process: median over repetitions.
        warm: loaded once more in the same process, likewise; null: not told.
    """

    cold: float = Field(ge=0)
    warm: float | None = Field(default=None, ge=0)


class Memory(Record):
    """Bytes. Null: not measured, or without meaning on this device.

    ``peak_rss_bytes`` is the whole process, runtime included; ``ram_bytes`` is what loading and
    running the model added to it, pages of the runtime's own code left out. ``pss_bytes`` is the
    process's proportional share of memory, as Android bills it, after the inferences, and
    ``native_heap_bytes`` what its native heap then held.
    """

    peak_rss_bytes: int | None = None
    ram_bytes: int | None = None
    pss_bytes: int | None = None
    native_heap_bytes: int | None = None
    arena_bytes: int | None = None
    stack_bytes: int | None = None
    flash_bytes: int | None = None
    model_bytes: int | None = None


class VsTeacher(Record):
    """Ratios to the fp32 teacher on the same target in the same run; above 1 is better."""

    accuracy_retained: float | None = None
    speedup: float | None = None
    instructions_ratio: float | None = None
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
    load_ms: LoadTime | None = None
    instructions: int | None = Field(
        default=None, description="of one inference; of a language model: of one decoded token"
    )
    instruction_counts: list[int] = Field(
        default_factory=list, description="one for each input that was counted"
    )
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
    device_facts: DeviceFacts | None = None
    generation: Generation | None = Field(
        default=None, description="of a language model: what its answers cost, by prompt length"
    )
    counted: CountedGeneration | None = Field(
        default=None, description="of a language model under emulation: instructions of its calls"
    )
    language: ArtifactScore | None = Field(
        default=None, description="of a language model: how the file predicts, and answers"
    )

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
        found = (self.latency_ms, self.instructions, self.cycles, self.generation)
        return any(figure is not None for figure in found)

    @model_validator(mode="after")
    def _claims_only_what_its_kind_may(self) -> Measurement:
        if self.kind == "emulated" and (self.latency_ms or self.cycles is not None):
            raise ValueError("an emulated measurement may not claim milliseconds or cycles")
        if self.kind != "device" and self.load_ms is not None:
            raise ValueError("only a measurement of a device may claim a load time")
        if self.kind in ("emulated", "estimate") and self.generation is not None:
            raise ValueError("only a host or a device may claim tokens a second")
        if self.kind != "emulated" and self.counted is not None:
            raise ValueError("only an emulated measurement may claim instructions a token")
        if self.kind == "host" and self.cycles is not None:
            raise ValueError("a host measurement may not claim cycles")
        if self.valid and self.device_facts is not None and self.device_facts.stand_in:
            raise ValueError("a measurement against a stand-in for a phone may not be valid")
        if not self.valid and not self.reasons:
            raise ValueError("an invalid measurement must give its reasons")
        return self
