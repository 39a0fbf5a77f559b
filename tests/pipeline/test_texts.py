"""A recipe on a few texts: a Hugging Face encoder taught from few labels, a student, a bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edgekd.data.dataset import load_dataset
from edgekd.data.tokenizer import encode_texts, load_tokenizer, save_tokenizer, train_tokenizer
from edgekd.padding import without_padding
from edgekd.pipeline.actions.tokens import beginning
from edgekd.recipe import Text
from tests.conftest import ONE_JOB, ROOT, run_edgekd

# A whole ladder takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(900)
pytest.importorskip("transformers", reason="the teacher is one of its models")

SUBJECTS = {
    "sport": ("team", "goal", "coach", "match", "season"),
    "money": ("bank", "market", "shares", "profit", "price"),
    "music": ("band", "album", "song", "guitar", "singer"),
}
FILLERS = ("the", "a", "new", "old", "was", "is", "said", "today", "again", "with", "Brøndby")
ZOO = ROOT / "models" / "zoo" / "text.py"


def write_texts(folder: Path) -> list[str]:
    """Forty texts for each subject, one word in three of it."""
    draw, texts = np.random.default_rng(0), []
    for subject, words in SUBJECTS.items():
        (folder / subject).mkdir(parents=True)
        for number in range(40):
            chosen = [draw.choice(words if at % 3 == 0 else FILLERS) for at in range(9)]
            texts.append(" ".join(draw.permutation(chosen)))
            (folder / subject / f"{number}.txt").write_text(texts[-1], encoding="utf-8")
    return texts


def write_encoder(folder: Path, texts: list[str]) -> None:
    """A small BERT with random weights and a tokenizer of its own."""
    import torch
    import transformers

    tokenizer = train_tokenizer(texts, Text(kind="word-piece", vocabulary=150, length=16))
    sizes = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=32,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    transformers.BertModel(sizes).save_pretrained(folder)
    save_tokenizer(tokenizer, folder / "tokenizer.json")


def recipe(folder: Path) -> dict[str, Any]:
    layer = "model.encoder.layer.1.attention.self"
    return {
        "seeds": [0],
        "data": {
            "source": "text_folder",
            "path": str(folder / "texts"),
            "text": {"of": str(folder / "encoder"), "vocabulary": 150, "length": 16},
            "labels": 30,
            "split": {"kind": "random", "validation": 15, "test": 30},
        },
        "augmentation": {"views": 3, "text": {"drop": 0.2, "swap": 0.1}},
        "teacher": {
            "kind": "hugging-face",
            "path": str(folder / "encoder"),
            "head": {"pooling": "mean"},
            "steps": 150,
            "batch_size": 16,
            "learning_rate": 0.003,
        },
        "student": {
            "network": f"{ZOO}:transformer",
            "arguments": {
                **{"vocabulary": 150, "length": 16, "classes": 3},
                **{"width": 32, "layers": 1, "heads": 4},
            },
        },
        "distill": {
            "temperature": 2.0,
            "signals": [
                {"kind": "soft-targets"},
                {"kind": "hint", "teacher": "pooled", "student": "pooled"},
                {
                    "kind": "attention-relations",
                    "heads": 4,
                    "layers": {"layers.0.attention.value": f"{layer}.value"},
                },
            ],
            "steps": 150,
            "batch_size": 32,
            "learning_rates": [0.003],
        },
        "compress": {"precisions": ["int8"], "calibration_samples": 50},
        "targets": ["host-onnx"],
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    write_encoder(folder / "encoder", write_texts(folder / "texts"))
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe(folder)), encoding="utf-8")
    result = run_edgekd("run", folder / "recipe.yaml", "--out", folder / "run", *ONE_JOB)
    assert result.returncode == 0, result.stderr
    return folder / "run"


def test_the_student_learns_from_a_teacher_with_a_tokenizer_of_its_own(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    accuracies = {rung["name"]: rung["accuracy"]["value"] for rung in report["rungs"]}
    assert accuracies["teacher-fp32"] > 0.8
    assert accuracies["distilled-fp32"] > 0.8
    for measurement in report["measurements"]:
        # Other work on the machine may disturb the timing, but not these.
        assert measurement["accuracy"]["value"] > 0.8, measurement["reasons"]
        assert measurement["parity"]["top1_agreement"] > 0.9


def test_both_tokenizers_saw_every_text(run: Path) -> None:
    dataset = load_dataset(run / "data")
    texts = json.loads((run / "data" / "texts.json").read_text())
    for file, tokens in (
        ("tokenizer.json", dataset.inputs),
        ("teacher_tokenizer.json", dataset.as_teacher_sees().inputs),
    ):
        tokenizer = load_tokenizer(run / "data" / file)
        np.testing.assert_array_equal(tokens, encode_texts(tokenizer, texts, 16))
    # Trimmed to what the training texts use, the student cuts them as the teacher does.
    train = dataset.parts["train"]
    lengths = [(part[train] != 0).sum(axis=1) for part in (dataset.inputs, dataset.teacher.inputs)]  # type: ignore[union-attr]
    np.testing.assert_array_equal(*lengths)


def test_views_are_of_the_same_texts_for_both(run: Path) -> None:
    folder = run / "views" / "student"
    own, by_teacher = (np.load(folder / f"{name}.npy") for name in ("views", "teacher_views"))
    dataset = load_dataset(run / "data")
    train = dataset.parts["train"]
    np.testing.assert_array_equal(own[0], dataset.inputs[train])
    np.testing.assert_array_equal(by_teacher[0], dataset.as_teacher_sees().inputs[train])
    np.testing.assert_array_equal((own != 0).sum(axis=2), (by_teacher != 0).sum(axis=2))
    assert (own[1] != own[0]).any()
    assert not (run / "views" / "teacher" / "views.npy").exists()


@pytest.mark.parametrize("rung", ["teacher-fp32", "distilled-int8"])
def test_a_bundle_holds_the_tokenizer_that_its_model_wants(run: Path, rung: str) -> None:
    """Texts through the bundle alone are its golden inputs."""
    from safetensors.numpy import load_file

    folder = run / "artifacts" / "host-onnx" / rung
    bundle = json.loads((folder / "bundle.json").read_text())
    assert bundle["inputs"][0]["dtype"] == "int32"
    settings = bundle["preprocessing"]["text"]
    texts = json.loads((run / "data" / "texts.json").read_text())
    test = load_dataset(run / "data").parts["test"][:16]
    tokenizer = load_tokenizer(folder / settings["tokenizer"])
    tokens = encode_texts(tokenizer, [texts[number] for number in test], settings["length"])
    np.testing.assert_array_equal(load_file(folder / bundle["golden"])["inputs"], tokens)


def test_a_table_that_is_too_small_is_told_before_training(tmp_path: Path) -> None:
    write_encoder(tmp_path / "encoder", write_texts(tmp_path / "texts"))
    wrong = recipe(tmp_path)
    wrong["student"]["arguments"]["vocabulary"] = 10
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    result = run_edgekd("run", tmp_path / "recipe.yaml", "--out", tmp_path / "run", *ONE_JOB)
    assert result.returncode == 2
    assert "data.text.vocabulary" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"augmentation": {"views": 2, "rotation": 5.0}}, "texts are changed by the keys under"),
        ({"task": "anomaly-detection"}, "task"),
    ],
)
def test_keys_that_do_not_go_with_texts(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe(tmp_path) | change))
    result = run_edgekd("run", tmp_path / "recipe.yaml", "--dry-run")
    assert result.returncode == 2
    assert told in result.stderr


def test_padding_that_nobody_needs_is_left_out() -> None:
    tokens = np.array([[3, 4, 0, 0, 0], [5, 0, 6, 0, 0]], dtype=np.int32)
    np.testing.assert_array_equal(without_padding(tokens), tokens[:, :3])
    assert without_padding(np.zeros((2, 4), dtype=np.int32)).shape == (2, 1)


@given(text=st.text(alphabet="ab \n", max_size=40), words=st.integers(1, 6))
def test_no_more_words_than_tokens_are_cut(text: str, words: int) -> None:
    cut = beginning(text, words)
    assert text.startswith(cut)
    assert cut.split() == text.split()[:words]
