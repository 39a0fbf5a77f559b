"""The ladder of a language model at a size that takes seconds: a teacher, a student, a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from edgekd.records import Report
from tests.conftest import ONE_JOB, ROOT, run_edgekd

# A whole ladder takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(900)
pytest.importorskip("transformers", reason="the teacher is one of its models")

WORDS = ("the", "king", "queen", "said", "to", "her", "him", "and", "then", "went", "home", "again")


def write_corpus(path: Path) -> None:
    """Sentences in which each word is followed by one of two others."""
    draw, lines = np.random.default_rng(0), []
    for _ in range(900):
        word, line = int(draw.integers(len(WORDS))), []
        for _ in range(9):
            line.append(WORDS[word])
            word = (word * 2 + 1 + int(draw.random() < 0.2)) % len(WORDS)
        lines.append(" ".join(line) + ".")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_teacher(folder: Path, corpus: Path) -> None:
    """A small Llama with random weights and a byte-pair encoder that knows more than the text."""
    import torch
    import transformers

    from tests.language.texts import byte_level_tokenizer

    text = corpus.read_text() + " other words that the corpus never uses, wonderfully so" * 20
    tokenizer = byte_level_tokenizer(text, 400, ["<|end|>"])
    sizes = transformers.LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(sizes).save_pretrained(folder)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")
    fast.save_pretrained(folder)


def recipe(folder: Path) -> dict[str, Any]:
    return {
        "task": "language-modelling",
        "corpus": {
            "source": "text_files",
            "path": str(folder / "corpus.txt"),
            "context": 32,
            "validation": 0.1,
            "test": 0.1,
        },
        "teacher": {
            "path": str(folder / "teacher"),
            "adapt": {"steps": 120, "batch_size": 8, "learning_rate": 0.003},
        },
        "student": {"layers": 1, "feed_forward": 64},
        "distill": {
            "top_k": 16,
            "tail_samples": 8,
            "steps": 60,
            "batch_size": 8,
            "learning_rate": 0.003,
            "evaluate_every": 20,
            "mixed_precision": "no",
        },
        "compress": {"precisions": ["int4"], "int4_steps": 10},
        "generation": {
            "cache_length": 64,
            "prompt_lengths": [8],
            "answer_tokens": 8,
            "greedy_tokens": 20,
            "scored_tokens": 60,
        },
        "targets": ["host-executorch", str(folder / "phone.yaml")],
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("language")
    write_corpus(folder / "corpus.txt")
    write_teacher(folder / "teacher", folder / "corpus.txt")
    profile = (ROOT / "targets" / "phone-a76-executorch.yaml").read_text(encoding="utf-8")
    # Exporting takes longest.
    listed = "precisions: [fp32, fp16, int8, int8-qat, int4]"
    assert listed in profile
    (folder / "phone.yaml").write_text(profile.replace(listed, "precisions: [fp32]"))
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe(folder)), encoding="utf-8")
    result = run_edgekd("run", folder / "recipe.yaml", "--out", folder / "run", *ONE_JOB)
    assert result.returncode == 0, result.stderr
    return folder / "run"


def test_the_student_closes_a_part_of_the_gap(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    nll = {rung["name"]: rung["language"]["nll"] for rung in report["rungs"]}
    assert nll["teacher-fp32"] < nll["distilled-fp32"] + 0.05
    assert nll["distilled-fp32"] < nll["scratch-fp32"] + 0.05
    assert nll["distilled-int4"] < nll["distilled-fp32"] + 0.2
    agreement = {rung["name"]: rung["language"]["agreement"] for rung in report["rungs"]}
    assert agreement["distilled-fp32"] > 0.5
    assert report["facts"]["teacher_outputs"]["logits_of_each_token"] == 16
    assert report["facts"]["teacher_outputs"]["samples_of_the_others"] == 8


def test_the_vocabulary_is_what_the_text_uses(run: Path) -> None:
    facts = json.loads((run / "corpus" / "corpus.json").read_text())
    assert facts["vocabulary"] < facts["teacher_vocabulary"]
    assert facts["alignment"] == "trimmed"


def test_an_exported_file_predicts_as_torch_does(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    found = {m["rung"]: m for m in report["measurements"] if m["kind"] == "host"}
    assert set(found) == {"teacher-fp32", "distilled-fp32", "distilled-int4"}
    for rung, measurement in found.items():
        score = measurement["language"]
        assert abs(score["nll"] - score["torch_nll"]) < 0.02, rung
        assert len(score["greedy"]) == 3
        assert measurement["generation"]["by_prompt"][0]["prompt_tokens"] == 8
    sizes = {rung: m["memory"]["model_bytes"] for rung, m in found.items()}
    assert sizes["distilled-int4"] < 0.4 * sizes["distilled-fp32"]


def test_an_emulated_phone_counts_instructions_and_tells_no_time(run: Path) -> None:
    report = Report.model_validate_json((run / "report.json").read_text())
    found = {m.rung: m for m in report.measurements if m.kind == "emulated"}
    assert set(found) == {"teacher-fp32", "distilled-fp32"}
    [missing] = report.unavailable
    assert (missing.rung, missing.target) == ("distilled-int4", "phone")
    for rung, measurement in found.items():
        assert measurement.valid, (rung, measurement.reasons)
        assert measurement.counted is not None
        prefill, decode = measurement.counted.prefill, measurement.counted.decode
        assert (prefill.tokens, decode.position) == (8, 8)
        assert 0 < prefill.per_token < decode.per_token == measurement.instructions
        assert measurement.generation is None
        assert measurement.latency_ms is None
        assert measurement.parity is not None
        assert measurement.parity.n == 9
        assert (measurement.memory.ram_bytes or 0) > 0
    # One layer of four is left: it does less, but for the embedding.
    assert (found["distilled-fp32"].vs_teacher.instructions_ratio or 0) > 2
    assert report.facts["cores"] == {"phone": "cortex-a76"}
    for name in ("report.md", "report.html"):
        text = (run / name).read_text()
        assert text.count("Instructions a token") == 1
        assert f"{found['distilled-fp32'].instructions:,}" in text


def test_one_can_talk_to_it(run: Path) -> None:
    prompt = ("--prompt", "the king said", "--tokens", "5", "--temperature", "0")
    result = run_edgekd("chat", run / "distilled-int4", *prompt)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()


def test_a_second_run_redoes_nothing(run: Path) -> None:
    result = run_edgekd("run", run.parent / "recipe.yaml", "--out", run, "--dry-run")
    assert result.returncode == 0
    assert {line.split()[0] for line in result.stdout.splitlines()} == {"reuse"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vocabulary": {"alignment": "mapped"}}, "tokenizer"),
        ({"distill": {"on_policy": {"share": 0.5}}}, "top_k"),
        ({"distill": {"hidden_states": 1.0}}, "hidden_states needs top_k: null"),
        ({"distill": {"divergence": "jsd", "tail_samples": 4}}, "needs top_k and forward-kl"),
        ({"seeds": [0, 1]}, "one seed"),
        ({"corpus": {"source": "text_files"}}, "path"),
    ],
)
def test_keys_that_do_not_go_together(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    write_corpus(tmp_path / "corpus.txt")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe(tmp_path) | change))
    result = run_edgekd("run", tmp_path / "recipe.yaml", "--dry-run")
    assert result.returncode == 2
    assert told in result.stderr.splitlines()[-1]
