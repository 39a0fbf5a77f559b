"""The teacher: trained here, loaded, or only heard of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from edgekd.recipe.section import Arguments, LearningRate, Network, Section, Steps
from edgekd.recipe.training import Training

TeacherKind = Literal["torch", "onnx", "tflite", "keras", "hugging-face", "recorded"]


class TeacherInputs(Section):
    """What a loaded teacher wants to see, where that is not what the student sees.

    Attributes:
        layout: of images; null: read from the file, else NCHW.
        size: height and width that images are resized to (bilinear).
        channels: 3: a grey image is repeated.
        mean: per channel, after scaling to [0, 1]; null: the data's.
        std: likewise.
    """

    layout: Literal["NCHW", "NHWC"] | None = None
    size: tuple[int, int] | None = Field(default=None, strict=False)
    channels: Literal[1, 3] | None = None
    mean: list[float] | None = None
    std: list[Annotated[float, Field(gt=0)]] | None = None


class Head(Section):
    """A linear classifier on an encoder of texts; both are trained.

    Attributes:
        pooling: what stands for the text: the mean of its tokens' last hidden states, or the
            first one.
        dropout: of what stands for the text, while it is trained.
    """

    pooling: Literal["mean", "first"] = "mean"
    dropout: float = Field(default=0.1, ge=0, lt=1)


class Teacher(Section):
    """One teacher, or several with ``ensemble``.

    Attributes:
        kind: what it is.
        network: of a torch module: a function in ``students.py``, or ``file.py:function``.
        arguments: of that function.
        weights: of a torch module: safetensors, or a state dict that ``torch.load`` reads with
            ``weights_only``; given, nothing is trained.
        path: of every other kind: a file, a folder, a Hugging Face id, or ``package:NAME``, the
            files of a package that edgekd knows.
        revision: of a Hugging Face id: a commit, tag or branch.
        head: of a Hugging Face encoder of texts: makes a classifier of it, which is trained here.
        outputs: what it gives; ``null``: a file of recorded outputs says so itself, all others
            give logits.
        classes: names of its outputs in their order; null: those of the data, or what it carries.
        class_map: its name of a class to the data's, where they differ.
        inputs: what it wants to see.
        weight: in an ensemble.
        ensemble: further members; each takes the keys above and changes these. Their answers are
            averaged as log-probabilities, by weight.
        labels: which labels it sees while it is trained: ``all`` training labels (it knows more
            than the student, the usual case) or ``same`` as the student's arms (the strict case).
        label_smoothing: of its cross-entropy.
        training: options of its training.
    """

    kind: TeacherKind = "torch"
    network: str | None = Field(default=None, pattern=r"^([\w./-]+\.py:)?[A-Za-z_]\w*$")
    arguments: Arguments = Field(default={})
    weights: str | None = None
    path: str | None = None
    revision: str | None = None
    head: Head | None = None
    outputs: Literal["logits", "probabilities"] | None = None
    classes: list[str] | None = Field(default=None, min_length=2)
    class_map: dict[str, str] = Field(default={})
    inputs: TeacherInputs = TeacherInputs()
    weight: float = Field(default=1.0, gt=0)
    ensemble: list[dict[str, Any]] = Field(default=[])
    labels: Literal["all", "same"] = "all"
    steps: Steps = 2000
    batch_size: int = Field(default=128, ge=1)
    learning_rate: LearningRate = 0.005
    weight_decay: float = Field(default=0.01, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    training: Training = Training()
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Teacher:
        if self.kind == "torch" and self.network is None:
            raise ValueError("kind torch needs the key network")
        if self.kind != "torch" and self.path is None:
            raise ValueError(f"kind {self.kind} needs the key path")
        if self.kind == "torch" and self.path is not None:
            raise ValueError("path goes with the other kinds; a torch module has weights")
        if self.kind != "torch" and (self.network or self.weights):
            raise ValueError("network and weights go with kind torch")
        if self.head is not None and self.kind != "hugging-face":
            raise ValueError("head goes with kind hugging-face")
        try:
            self.members  # noqa: B018  (a member that does not hold is told now)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"ensemble: {key}: {first['msg']}") from error
        return self

    @property
    def members(self) -> list[Teacher]:
        """Every teacher of the ensemble, this one first."""
        own = self.model_dump(mode="json", exclude={"ensemble"})
        first = self.model_copy(update={"ensemble": []})
        return [first, *(Teacher.model_validate({**own, **change}) for change in self.ensemble)]

    @property
    def trained_here(self) -> bool:
        """Whether the run trains it."""
        if self.kind == "hugging-face":
            return self.head is not None
        return self.kind == "torch" and self.weights is None

    @property
    def has_tokenizer(self) -> bool:
        """Whether it cuts texts by a tokenizer of its own."""
        return self.kind == "hugging-face"

    @property
    def is_module(self) -> bool:
        """Whether it is a torch module, which can be tapped, exported and measured."""
        return self.kind in ("torch", "hugging-face")

    @property
    def architecture(self) -> Network:
        """The torch module's function; only of kind torch."""
        assert self.network is not None
        return Network(network=self.network, arguments=self.arguments)
