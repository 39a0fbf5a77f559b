"""Hugging Face classifiers from folders and the local cache; nothing pickled, no foreign code."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from edgekd.errors import BadInput
from edgekd.teachers.hugging_face import fingerprint, load_module
from edgekd.third_party import quiet, require

CLASSES = {0: "ant", 1: "bee", 2: "cat", 3: "dog"}
SIZE = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def transformers() -> Any:
    require("teachers", "transformers")
    import transformers

    with quiet():
        # Its names are imported when they are first used.
        assert transformers.ViTForImageClassification
    return transformers


def vit(transformers: Any, **changes: Any) -> Any:
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        **{**SIZE, "num_hidden_layers": 2, "num_labels": 4, **changes},
        image_size=16,
        patch_size=8,
        num_channels=1,
    )
    return transformers.ViTForImageClassification(config).eval()


@pytest.fixture
def folder(transformers: Any, tmp_path: Path) -> Path:
    vit(transformers, id2label=CLASSES).save_pretrained(tmp_path / "vit")
    return tmp_path / "vit"


def test_equals_transformers(transformers: Any, folder: Path) -> None:
    module = load_module(str(folder), None)
    images = torch.randn(3, 1, 16, 16)
    expected = vit(transformers)(pixel_values=images).logits
    torch.testing.assert_close(module(images), expected, rtol=0, atol=1e-5)
    assert module.class_names == ("ant", "bee", "cat", "dog")
    assert not module.training
    assert all(p.dtype == torch.float32 for p in module.parameters())


def test_attention_maps_can_be_tapped(folder: Path) -> None:
    module = load_module(str(folder), None)
    seen = []
    attention = module.get_submodule("model.vit.encoder.layer.1.attention.attention")
    attention.register_forward_hook(lambda _module, _inputs, outputs: seen.append(outputs[1]))
    module(torch.randn(3, 1, 16, 16))
    assert seen[0].shape == (3, 2, 5, 5)
    torch.testing.assert_close(seen[0].sum(-1), torch.ones(3, 2, 5))


def test_it_can_be_exported(folder: Path) -> None:
    module, images = load_module(str(folder), None), torch.randn(3, 1, 16, 16)
    batch = torch.export.Dim("batch")
    program = torch.export.export(module, (images[:2],), dynamic_shapes=({0: batch},))
    torch.testing.assert_close(program.module(check_guards=False)(images), module(images))


def test_numbered_classes_are_no_names(transformers: Any, tmp_path: Path) -> None:
    vit(transformers).save_pretrained(tmp_path)
    assert load_module(str(tmp_path), None).class_names is None


def test_text_and_audio(transformers: Any, tmp_path: Path) -> None:
    bert = transformers.BertForSequenceClassification(
        transformers.BertConfig(vocab_size=50, num_labels=3, **SIZE)
    ).eval()
    bert.save_pretrained(tmp_path / "bert")
    tokens = torch.randint(0, 50, (2, 7))
    logits = load_module(str(tmp_path / "bert"), None)(tokens.float())
    torch.testing.assert_close(logits, bert(input_ids=tokens).logits, rtol=0, atol=1e-5)
    sounds = transformers.ASTForAudioClassification(
        transformers.ASTConfig(max_length=64, num_mel_bins=16, num_labels=5, **SIZE)
    ).eval()
    sounds.save_pretrained(tmp_path / "ast")
    spectrum = torch.randn(2, 64, 16)
    logits = load_module(str(tmp_path / "ast"), None)(spectrum)
    torch.testing.assert_close(logits, sounds(input_values=spectrum).logits, rtol=0, atol=1e-5)


def test_pickled_weights_are_refused(transformers: Any, tmp_path: Path) -> None:
    vit(transformers).save_pretrained(tmp_path, safe_serialization=False)
    assert (tmp_path / "pytorch_model.bin").exists()
    with pytest.raises(BadInput, match="pickled weights are not loaded"):
        load_module(str(tmp_path), None)


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_code_that_comes_with_a_model_is_not_run(folder: Path) -> None:
    mark = folder / "mark"
    (folder / "own.py").write_text(f"open({str(mark)!r}, 'w')")
    change_config(folder, model_type="own", auto_map={"AutoConfig": "own.Config"})
    with pytest.raises(BadInput, match=r"transformers cannot load it: .*custom code") as caught:
        load_module(str(folder), None)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


def test_what_is_no_trained_classifier(transformers: Any, folder: Path) -> None:
    weights = folder / "model.safetensors"
    state = load_file(weights)
    body = {name: value for name, value in state.items() if "classifier" not in name}
    save_file(body, weights, {"format": "pt"})
    with pytest.raises(BadInput, match=r"no weights that fit 'classifier\.bias', 'classifier\.w"):
        load_module(str(folder), None)
    save_file({**body, "classifier.weight": torch.zeros(7, 16)}, weights, {"format": "pt"})
    with pytest.raises(BadInput, match="no weights that fit 'classifier"):
        load_module(str(folder), None)
    transformers.ViTModel(vit(transformers).config).save_pretrained(folder)
    with pytest.raises(BadInput, match="is a ViTModel, no classifier"):
        load_module(str(folder), None)


def test_damaged(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInput, match=r"transformers cannot load it: .*header"):
        load_module(str(folder), None)
    (folder / "config.json").write_text("{")
    with pytest.raises(BadInput, match=r"transformers cannot load it"):
        load_module(str(folder), None)
    (folder / "config.json").unlink()
    with pytest.raises(BadInput, match=r"has no config\.json"):
        load_module(str(folder), None)


@pytest.mark.parametrize("location", ["/absent/folder", "./absent", "a/b/c", "a b", "../x/y"])
def test_neither_folder_nor_id(location: str) -> None:
    with pytest.raises(BadInput, match="is neither a folder nor a Hugging Face id"):
        load_module(location, None)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub that nobody answers at."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    return tmp_path / "cache"


def test_without_a_network(cache: Path) -> None:
    start = time.monotonic()
    with pytest.raises(BadInput, match="is not in the local cache, and cannot") as caught:
        load_module("some/model", "v1")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - start < 10
    assert fingerprint("some/model", "v1") == "some/model@v1"
    assert fingerprint("some/model", None) == "some/model@main"


def test_from_the_cache(folder: Path, cache: Path) -> None:
    repository = cache / "models--some--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    (repository / "snapshots").mkdir()
    folder.rename(repository / "snapshots" / COMMIT)
    images = torch.randn(3, 1, 16, 16)
    for revision in (None, "main", COMMIT):
        assert load_module("some/model", revision)(images).shape == (3, 4)
        assert fingerprint("some/model", revision) == f"some/model@{COMMIT}"


def test_the_fingerprint_of_a_folder_follows_its_content(folder: Path) -> None:
    before = fingerprint(str(folder), None)
    (folder / "notes.txt").write_text("read by nobody")
    assert fingerprint(str(folder), None) == before
    change_config(folder, hidden_dropout_prob=0.5)
    assert fingerprint(str(folder), None) != before
