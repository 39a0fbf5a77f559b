"""Figures of generation: what the loop counts, and both passes in processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekd.errors import BadInput
from edgekd.language.decoding.contract import LanguageFormat
from edgekd.language.decoding.measure import measure_generation
from edgekd.language.decoding.timing import WARMUP, TimedAnswers, random_prompts, time_answers
from edgekd.language.decoding.torch_decoder import TorchDecoder
from edgekd.language.network import save_language_model
from edgekd.measure.validity import FEWEST_SAMPLES, Clocks
from tests.language.decoding.small_artifacts import CACHE_LENGTH, small_model


def test_an_artifact_is_timed_by_prompt_length_and_its_memory_read(
    artifact: Callable[[LanguageFormat], Path],
) -> None:
    figures = measure_generation(artifact("onnx"), prompt_lengths=(12, 4, 64), answer_tokens=8)
    assert figures.generation is not None
    found = figures.generation.by_prompt
    assert [line.prompt_tokens for line in found] == [4, 12]
    assert [line.answer_tokens for line in found] == [8, 8]
    assert len(figures.generation.notes) == 1
    assert "64 tokens" in figures.generation.notes[0]
    for line in found:
        samples = figures.samples_ms[line.prompt_tokens]
        assert samples.shape == (line.repetitions, 8)
        assert line.time_to_first_token_ms == np.median(samples[:, 0])
    assert figures.memory.ram_bytes is not None
    assert figures.memory.peak_rss_bytes is not None
    assert 0 < figures.memory.ram_bytes < figures.memory.peak_rss_bytes
    # A busy machine may disturb it; nothing else may be wrong.
    assert all("tokens: " in reason for reason in figures.reasons)


def test_a_model_without_a_file_is_measured_in_torch(tmp_path: Path) -> None:
    save_language_model(small_model(), tmp_path)
    figures = measure_generation(tmp_path, prompt_lengths=[3], answer_tokens=40)
    assert figures.generation is not None
    assert figures.generation.by_prompt[0].decode_tokens_per_second > 0


def test_what_cannot_be_opened_is_the_callers_error(
    tmp_path: Path, artifact: Callable[[LanguageFormat], Path]
) -> None:
    with pytest.raises(BadInput, match=r"architecture\.json"):
        measure_generation(tmp_path)
    with pytest.raises(BadInput, match="no prompt fits: the cache has 24 positions"):
        measure_generation(artifact("onnx"), prompt_lengths=[20], answer_tokens=8)


def test_a_pass_that_takes_too_long_becomes_a_reason(
    artifact: Callable[[LanguageFormat], Path],
) -> None:
    figures = measure_generation(artifact("onnx"), prompt_lengths=[4], timeout_seconds=0.05)
    assert figures.generation is None
    assert [reason.partition(":")[0] for reason in figures.reasons] == ["generation", "memory"]
    assert "was stopped after 0.05 s" in figures.reasons[0]


def test_the_loop_feeds_what_it_says() -> None:
    fed: list[int] = []

    class Watched(TorchDecoder):
        def feed(self, tokens):  # type: ignore[no-untyped-def]
            fed.append(len(tokens))
            return super().feed(tokens)

    timed = time_answers(Watched(small_model(), CACHE_LENGTH), 5, 3, seconds=0)
    assert timed.token_ms.shape == (FEWEST_SAMPLES, 3)
    assert fed == [5, 1, 1] * (WARMUP + FEWEST_SAMPLES)
    assert (timed.token_ms[:, 0] >= timed.prefill_ms).all()


def test_figures_are_medians_over_answers() -> None:
    timed = TimedAnswers(
        prompt_tokens=10,
        prefill_ms=np.array([19.0, 20.0, 90.0]),
        token_ms=np.array([[20.0, 5, 5], [21.0, 2, 2], [99.0, 1, 3]]),
        clocks=Clocks(1.0, 0.3, 0.3),
    )
    figures = timed.figures()
    assert figures.time_to_first_token_ms == 21
    assert figures.prefill_tokens_per_second == 500
    assert figures.decode_tokens_per_second == 500
    reasons = timed.reasons(threads=1)
    assert all(reason.startswith("prompt of 10 tokens: ") for reason in reasons)
    assert [part in "".join(reasons) for part in ("other load", "too few prompts: 3")] == [True] * 2


def test_prompts_are_the_same_each_time_and_hold_no_padding() -> None:
    assert random_prompts(290, 16) == random_prompts(290, 16)
    assert {len(prompt) for prompt in random_prompts(290, 16)} == {16}
    assert 0 not in np.array(random_prompts(3, 200))
