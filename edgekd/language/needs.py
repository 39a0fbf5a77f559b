"""What a run would need, as records: of a model, of a part of the run, of all of it."""

from __future__ import annotations

from pydantic import Field

from edgekd.records.base import Record


class Hardware(Record):
    """The devices of a run.

    Attributes:
        name: of a device.
        peak: FLOP/s of dense matrix products at bfloat16. 989e12: NVIDIA, "H100 Tensor Core GPU
            Datasheet", SXM, half of the figure with sparsity.
        memory: of a device, in bytes.
        utilisation: share of the peak that is reached, an assumption. Dubey et al. 2024, "The Llama
            3 Herd of Models", table 4, report 0.38 to 0.43 on H100.
        usable: share of the memory that tensors can have; the rest is for the allocator, kernels
            and communication; an assumption.
    """

    name: str = "H100 SXM"
    peak: float = Field(default=989e12, gt=0)
    memory: float = Field(default=80e9, gt=0)
    utilisation: float = Field(default=0.4, gt=0, le=1)
    usable: float = Field(default=0.9, gt=0, le=1)


class ModelNeeds(Record):
    """One model, whole, in bytes.

    Attributes:
        parameters: shared ones count once.
        weights: float32.
        gradients: float32.
        moments: those of AdamW, float32.
        key_value_cache: of one conversation as the recipe exports it, float32.
    """

    parameters: int
    weights: int
    gradients: int
    moments: int
    key_value_cache: int


class Phase(Record):
    """A part of a run that computes much.

    Attributes:
        name: what is done.
        tokens: that are read.
        flops: of all of them.
        device_hours: FLOPs over peak and utilisation.
        devices: the fewest on which it fits; null: on none that split the batch evenly.
        window: windows that a device computes at once.
        state: bytes on each device: its share of weights, gradients and moments.
        gathered: bytes on each device of what is whole at the moment.
        activations: bytes on each device.
    """

    name: str
    tokens: int
    flops: int
    device_hours: float
    devices: int | None
    windows: int
    state: int
    gathered: int
    activations: int

    @property
    def bytes_each(self) -> int:
        """On each device, together."""
        return self.state + self.gathered + self.activations


class Estimate(Record):
    """What a run needs.

    Attributes:
        teacher: sizes.
        student: sizes.
        answers: bytes on disk of the kept answers; null: none are kept.
        host: bytes of main memory while the teacher is read and changed into our network.
        phases: in their order.
        assumptions: what the figures rest on.
    """

    teacher: ModelNeeds
    student: ModelNeeds
    answers: int | None
    host: int
    phases: list[Phase]
    hardware: Hardware
    assumptions: list[str]

    @property
    def device_hours(self) -> float:
        """Of all phases."""
        return sum(phase.device_hours for phase in self.phases)
