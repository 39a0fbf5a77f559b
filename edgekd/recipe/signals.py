"""What the student is told by the teacher: one recipe line for each signal.

A tap names a module by its path in ``named_modules()``; ``path[1]`` takes the second of several
outputs.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgekd.recipe.section import Section

Temperature = Annotated[float, Field(gt=0, le=100)]
Weight = Annotated[float, Field(ge=0, le=1e9)]
Tap = Annotated[str, Field(min_length=1, max_length=500)]


class SoftTargets(Section):
    """tau^2 KL(p_T^tau || p_S^tau) (Hinton et al. 2015).

    Attributes:
        weight: in the sum of signals.
        temperature: null: that of ``distill``.
        standardize: both logits are first brought to mean 0 and standard deviation 1 per sample
            (Sun et al. 2024, "Logit Standardization in Knowledge Distillation").
    """

    kind: Literal["soft-targets"]
    weight: Weight = 1.0
    temperature: Temperature | None = None
    standardize: bool = False


class Regression(Section):
    """Mean squared error between the outputs (Ba and Caruana 2014)."""

    kind: Literal["regression"]
    weight: Weight = 1.0


class Decoupled(Section):
    """DKD: the teacher's own first choice apart from the rest (Zhao et al. 2022).

    The target class is the label where there is one, else the teacher's first choice.

    Attributes:
        target: weight of the target-class part (the paper's alpha).
        others: weight of the other classes' part (the paper's beta).
    """

    kind: Literal["decoupled"]
    weight: Weight = 1.0
    target: Weight = 1.0
    others: Weight = 8.0
    temperature: Temperature | None = None
    standardize: bool = False


class Hint(Section):
    """FitNets: the student's features, through a learned adapter, hit the teacher's."""

    kind: Literal["hint"]
    weight: Weight = 1.0
    teacher: Tap
    student: Tap


class AttentionTransfer(Section):
    """Spatial maps of activation energy agree (Zagoruyko and Komodakis 2017)."""

    kind: Literal["attention-transfer"]
    weight: Weight = 1.0
    teacher: Tap
    student: Tap


class Similarity(Section):
    """Which samples of a batch are alike (Tung and Mori 2019, similarity-preserving)."""

    kind: Literal["similarity"]
    weight: Weight = 1.0
    teacher: Tap
    student: Tap


class Relations(Section):
    """RKD: distances and angles between the samples of a batch (Park et al. 2019).

    Attributes:
        distance: weight of the distances.
        angle: weight of the angles.
    """

    kind: Literal["relations"]
    weight: Weight = 1.0
    teacher: Tap
    student: Tap
    distance: Weight = 1.0
    angle: Weight = 2.0


class HiddenStates(Section):
    """Hidden states or embeddings of a transformer, through learned projections (TinyBERT).

    Attributes:
        layers: the layer map, student tap to teacher tap; features are ``[N, tokens, width]``.
    """

    kind: Literal["hidden-states"]
    weight: Weight = 1.0
    layers: dict[Tap, Tap] = Field(min_length=1)


class AttentionMaps(Section):
    """Attention maps of a transformer, KL over the keys (MiniLM), averaged over heads.

    Attributes:
        layers: the layer map, student tap to teacher tap; maps are ``[N, heads, queries, keys]``
            probabilities. Where the numbers of heads differ, both are averaged over heads.
    """

    kind: Literal["attention-maps"]
    weight: Weight = 1.0
    layers: dict[Tap, Tap] = Field(min_length=1)


class AttentionRelations(Section):
    """Relations among the queries, keys or values of a layer (MiniLMv2, Wang et al. 2021).

    MiniLM (Wang et al. 2020) is ``attention-maps`` together with this signal on the values, both
    of the last layers.

    Attributes:
        heads: relation heads; they split the widths of both taps and need not be the networks' own.
        layers: the layer map, student tap to teacher tap; features are outputs of query, key or
            value projections, ``[N, tokens, width]``.
    """

    kind: Literal["attention-relations"]
    weight: Weight = 1.0
    heads: int = Field(ge=1, le=4096)
    layers: dict[Tap, Tap] = Field(min_length=1)


Signal = Annotated[
    SoftTargets
    | Regression
    | Decoupled
    | Hint
    | AttentionTransfer
    | Similarity
    | Relations
    | HiddenStates
    | AttentionMaps
    | AttentionRelations,
    Field(discriminator="kind"),
]


# Those that compare tokens: both networks must cut a text alike.
TOKEN_SIGNALS = ("hidden-states", "attention-maps", "attention-relations")


def tap_pairs(signal: Signal) -> list[tuple[str, str]]:
    """Student tap and teacher tap of each pair that a signal compares; none for logits."""
    if isinstance(signal, HiddenStates | AttentionMaps | AttentionRelations):
        return list(signal.layers.items())
    if isinstance(signal, Hint | AttentionTransfer | Similarity | Relations):
        return [(signal.student, signal.teacher)]
    return []
