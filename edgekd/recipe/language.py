"""The recipe of a language model: a corpus, a teacher, and a student cut out of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgekd.recipe.section import LearningRate, Section, Steps

LANGUAGE_TASK = "language-modelling"

Share = Annotated[float, Field(gt=0, lt=0.5)]


class Corpus(Section):
    """Text, split by position: the first part trains, the next one validates, the last one tests.

    Attributes:
        source: ``tiny_shakespeare``, or ``text_files``: the ``.txt`` files of ``path``, UTF-8, in
            the order of their names.
        path: a file or a folder, relative to the recipe.
        context: tokens that a model reads in a window.
        validation: share of the text.
        test: share of the text.
        test_windows: most windows that a figure is computed over; null: the whole test text.
    """

    source: Literal["tiny_shakespeare", "text_files"]
    path: str | None = None
    context: int = Field(default=128, ge=2, le=131_072)
    validation: Share = 0.05
    test: Share = 0.05
    test_windows: int | None = Field(default=None, ge=2)

    @model_validator(mode="after")
    def _says_where(self) -> Corpus:
        if self.source == "text_files" and self.path is None:
            raise ValueError("source text_files needs the key path")
        return self


class Vocabulary(Section):
    """How the student's tokens and the teacher's are brought together.

    Attributes:
        alignment: ``trimmed``: the student has those of the teacher's tokens that its training
            text uses. ``same``: all of them. ``mapped``: the student's own tokenizer; each of its
            tokens must be one of the teacher's, under whatever number.
        tokenizer: of the student: a ``tokenizer.json``; needed for ``mapped``, compared with the
            teacher's for ``same``.
    """

    alignment: Literal["trimmed", "same", "mapped"] = "trimmed"
    tokenizer: str | None = None

    @model_validator(mode="after")
    def _keys_fit(self) -> Vocabulary:
        if self.alignment == "mapped" and self.tokenizer is None:
            raise ValueError("mapped needs the key tokenizer")
        if self.alignment == "trimmed" and self.tokenizer is not None:
            raise ValueError("tokenizer goes with same and mapped")
        return self


class Adaptation(Section):
    """Training on the labels, that is on the next tokens of the corpus."""

    steps: Steps = 70
    batch_size: int = Field(default=16, ge=1)
    learning_rate: LearningRate = 5e-5


class LanguageTeacher(Section):
    """A causal language model.

    Attributes:
        path: a folder with safetensors weights or one ``.gguf`` file, a Hugging Face id, or
            ``package:NAME``.
        revision: of an id: a commit, tag or branch.
        adapt: how it is trained on the corpus before it teaches; null: not at all.
    """

    path: str
    revision: str | None = None
    adapt: Adaptation | None = Adaptation()


class LanguageStudent(Section):
    """What of the teacher the student starts from.

    Attributes:
        layers: which ones in order, or how many.
        choice: how so many are chosen. ``greedy``: one after the other is left out, each time the
            one without which the training text is predicted best. ``spread``: the first two, the
            last two, and others evenly between.
        feed_forward: neurons that are kept in each layer, the most important ones; null: all.
        key_value_heads: groups of heads that are kept in each layer, likewise; null: all.
    """

    layers: int | list[int] = 10
    choice: Literal["greedy", "spread"] = "greedy"
    feed_forward: int | None = Field(default=None, ge=1)
    key_value_heads: int | None = Field(default=None, ge=1)


class OnPolicy(Section):
    """The student continues prompts itself and the teacher, asked live, scores what it wrote.

    Source: Agarwal et al. 2024, "On-Policy Distillation of Language Models" (GKD).

    Attributes:
        share: of the steps.
        prompt: tokens of a window that it is given.
    """

    share: float = Field(default=0.5, gt=0, le=1)
    prompt: int = Field(default=32, ge=1)


class LanguageDistill(Section):
    """How control and student are trained; the control sees the next tokens alone.

    Attributes:
        divergence: between the teacher's distribution and the student's at every token.
        beta: of ``jsd``, the generalised Jensen-Shannon divergence.
        temperature: of both.
        labels: weight of the cross-entropy with the next tokens, 0 to 1.
        top_k: logits that are kept of the teacher at each token; null: it is asked live, and all
            of them count.
        tail_samples: of all other tokens so many are drawn by their probability and kept beside
            the ``top_k``; ``forward-kl`` then tells them apart, without bias.
        hidden_states: weight of the distance between the student's residual stream behind each of
            its layers and the teacher's where the same layer comes next; it is asked live.
        on_policy: null: never.
        sequences: a file of texts that a teacher wrote, JSON Lines with ``prompt`` and
            ``completion``: the student learns these alone and the teacher is not asked.
        evaluate_every: steps between looks at the validation text.
        mixed_precision: of accelerate.
    """

    divergence: Literal["forward-kl", "reverse-kl", "jsd"] = "forward-kl"
    beta: float = Field(default=0.5, gt=0, lt=1)
    temperature: float = Field(default=1.0, gt=0, le=100)
    labels: float = Field(default=0.0, ge=0, le=1)
    top_k: int | None = Field(default=64, ge=1, le=65_536)
    tail_samples: int = Field(default=0, ge=0, le=65_536)
    hidden_states: float = Field(default=0.0, ge=0)
    on_policy: OnPolicy | None = None
    sequences: str | None = None
    steps: Steps = 600
    batch_size: int = Field(default=4, ge=1)
    learning_rate: LearningRate = 5e-4
    weight_decay: float = Field(default=0.01, ge=0)
    evaluate_every: int = Field(default=50, ge=1)
    mixed_precision: Literal["no", "bf16"] = "bf16"

    @model_validator(mode="after")
    def _teacher_can_be_asked(self) -> LanguageDistill:
        live = {"on_policy": self.on_policy is not None, "hidden_states": self.hidden_states > 0}
        for key in (key for key, asked in live.items() if asked):
            if self.top_k is not None:
                raise ValueError(f"{key} needs top_k: null, because the teacher is asked live")
            if self.sequences is not None:
                raise ValueError(
                    f"sequences are learnt without asking the teacher; leave {key} out"
                )
        if self.tail_samples and (self.top_k is None or self.divergence != "forward-kl"):
            raise ValueError("tail_samples needs top_k and forward-kl; set it to 0")
        if self.hidden_states and self.labels == 1:
            raise ValueError("labels: 1 asks no teacher; leave hidden_states out")
        return self


class LanguageCompress(Section):
    """Compressed rungs.

    Attributes:
        precisions: int8 is quantized after training, int4 trained on.
        int4_steps: of quantization-aware distillation.
        int4_learning_rate: of it.
    """

    precisions: list[Literal["int8", "int4"]] = Field(default=["int8", "int4"])
    int4_steps: Steps = 60
    int4_learning_rate: LearningRate = 1e-4


class GenerationSettings(Section):
    """What is measured of answers.

    Attributes:
        cache_length: positions of an exported conversation.
        prompt_lengths: tokens of the prompts that are timed.
        answer_tokens: of each timed answer.
        greedy_tokens: that are compared with torch.
        scored_tokens: of the test text that the exported file predicts, for its perplexity.
    """

    cache_length: int = Field(default=256, ge=2, le=131_072)
    prompt_lengths: list[Annotated[int, Field(ge=1)]] = Field(default=[16, 64, 192], min_length=1)
    answer_tokens: int = Field(default=32, ge=2)
    greedy_tokens: int = Field(default=200, ge=1)
    scored_tokens: int = Field(default=500, ge=2)


class LanguageRecipe(Section):
    """One YAML file with ``task: language-modelling``."""

    task: Literal["language-modelling"]
    description: str = ""
    seeds: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field(default=[0], min_length=1)
    corpus: Corpus
    vocabulary: Vocabulary = Vocabulary()
    teacher: LanguageTeacher
    student: LanguageStudent = LanguageStudent()
    distill: LanguageDistill = LanguageDistill()
    compress: LanguageCompress = LanguageCompress()
    generation: GenerationSettings = GenerationSettings()
    targets: list[str] = Field(
        default=["host-executorch", "host-onnx", "host-litert"], min_length=1
    )

    @model_validator(mode="after")
    def _holds_together(self) -> LanguageRecipe:
        if len(set(self.targets)) != len(self.targets):
            raise ValueError("targets: a value stands twice")
        if len(self.seeds) != 1:
            raise ValueError("seeds: a language model is trained with one seed")
        return self
