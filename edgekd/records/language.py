"""Figures of language models: how well they predict, and what their answers cost."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgekd.records.base import Record


class LanguageScore(Record):
    """Figures of one model on one text; intervals are of 95 %, by bootstrap over windows.

    Attributes:
        tokens: scored.
        nll: negative log-likelihood, nats a token.
        nll_ci95: its interval.
        perplexity: ``exp(nll)``.
        nll_per_byte: nats a byte of text; compares models with other tokenizers. Null where only
            a part of the text was scored.
        accuracy: share of tokens that were the most likely one.
        agreement: share of positions at which the most likely token is the teacher's; null
            without a teacher.
    """

    tokens: int
    nll: float
    nll_ci95: tuple[float, float]
    perplexity: float
    nll_per_byte: float | None
    accuracy: float
    agreement: float | None


class GapClosed(Record):
    """How much of the distance from a control to the teacher a student closes."""

    share: float
    ci95: tuple[float, float]


class PromptFigures(Record):
    """Greedy answers to prompts of one length, warm-up dropped; medians over the repetitions.

    Attributes:
        prompt_tokens: of the prompt, which starts a conversation.
        answer_tokens: of each answer; the first comes with the prompt, the others one by one.
        time_to_first_token_ms: from handing over the prompt to the first token of the answer.
        prefill_tokens_per_second: of the prompt.
        decode_tokens_per_second: of the tokens behind the first.
        repetitions: answers that were timed.
        warmup: answers before them.
    """

    prompt_tokens: int = Field(ge=1)
    answer_tokens: int = Field(ge=2)
    time_to_first_token_ms: float = Field(gt=0)
    prefill_tokens_per_second: float = Field(gt=0)
    decode_tokens_per_second: float = Field(gt=0)
    repetitions: int = Field(ge=1)
    warmup: int = Field(ge=0)


class Generation(Record):
    """The figures of one language model on one target.

    Attributes:
        threads: of one inference.
        by_prompt: shortest prompt first.
        notes: lengths that were left out, and why.
        samples: file with the raw samples, run-relative.
    """

    threads: int = Field(ge=1)
    by_prompt: list[PromptFigures] = Field(max_length=64)
    notes: list[str] = Field(default_factory=list)
    samples: str | None = None


class CountedCall(Record):
    """One call of a language model in an emulator that counts; loading the file is not in it.

    Attributes:
        tokens: that the call reads.
        position: tokens in the cache before them.
        instructions: of the whole call.
    """

    tokens: int = Field(ge=1)
    position: int = Field(ge=0)
    instructions: int = Field(ge=1)

    @property
    def per_token(self) -> float:
        """Instructions for each token that is read."""
        return self.instructions / self.tokens


class CountedGeneration(Record):
    """What answers cost in instructions.

    Attributes:
        prefill: the beginning of a prompt, read in one call.
        decode: one token of an answer.
    """

    prefill: CountedCall
    decode: CountedCall


class FirstDifference(Record):
    """Where greedy decoding takes another token than its reference for the first time.

    Attributes:
        step: of the answer, from 0; up to here both read the same tokens.
        token: that was taken.
        reference_token: that the reference took.
        margin: between the two best logits.
        reference_margin: between the reference's two best logits.
        preference: by how much the reference prefers its token to the one that was taken.
        usual_difference: root mean square difference of the logits at the other steps (the median
            step's, their means brought together).
        explanation: ``tie``: a preference of at most two standard deviations of the difference of
            two logits with that error (2*sqrt(2) of it); ``divergence``: a larger one.
    """

    step: int = Field(ge=0)
    token: int = Field(ge=0)
    reference_token: int = Field(ge=0)
    margin: float = Field(ge=0)
    reference_margin: float = Field(ge=0)
    preference: float = Field(ge=0)
    usual_difference: float = Field(ge=0)
    explanation: Literal["tie", "divergence"]


class GreedyComparison(Record):
    """One prompt, answered greedily by an artifact and by its reference.

    Attributes:
        prompt_tokens: of the prompt.
        tokens: that were compared; fewer than asked for where the cache is full before.
        equal: share of steps at which both take the same token, where both read what the
            reference took before (teacher forcing).
        usual_difference: see :class:`FirstDifference`; here of all steps.
        first_difference: ``None``: all tokens are the same.
    """

    prompt_tokens: int = Field(ge=1)
    tokens: int = Field(ge=1)
    equal: float = Field(ge=0, le=1)
    usual_difference: float = Field(ge=0)
    first_difference: FirstDifference | None = None


class ArtifactScore(Record):
    """How an exported file predicts the beginning of the test text, and how it answers.

    Attributes:
        tokens: predicted, each from those before it in the cache.
        nll: nats a token, of the file.
        torch_nll: of the model at the same precision in torch, on the same tokens.
        accuracy: share of tokens that were the file's most likely one.
        greedy: its greedy answers against torch's.
    """

    tokens: int = Field(ge=1)
    nll: float
    torch_nll: float
    accuracy: float = Field(ge=0, le=1)
    greedy: list[GreedyComparison] = Field(default_factory=list, max_length=64)
