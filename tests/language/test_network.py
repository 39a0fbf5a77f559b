from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from edgekd.errors import BadInput
from edgekd.language.llama import from_transformers, to_transformers
from edgekd.language.network import (
    CausalLanguageModel,
    load_language_model,
    save_language_model,
)
from tests.language.models import tiny_architecture, tiny_model


def tokens(vocabulary: int, length: int = 24) -> torch.Tensor:
    return torch.randint(vocabulary, (2, length), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("heads", "key_value_heads"), [(4, 4), (6, 2), (3, 1)])
def test_logits_are_those_of_transformers_llama(
    tied: bool, heads: int, key_value_heads: int
) -> None:
    model = tiny_model(tied_embeddings=tied, heads=heads, key_value_heads=key_value_heads)
    inputs = tokens(97)
    llama = to_transformers(model)
    with torch.no_grad():
        ours, theirs = model(inputs), llama(inputs).logits
        back = from_transformers(llama)(inputs)
    assert ours.abs().max() > 0.1
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    torch.testing.assert_close(back, ours, atol=0, rtol=0)


def test_a_model_takes_int32_and_looks_only_back() -> None:
    model = tiny_model()
    inputs = tokens(97).int()
    changed = inputs.clone()
    changed[:, 10] = (changed[:, 10] + 1) % 97
    with torch.no_grad():
        before, after = model(inputs), model(changed)
    assert torch.equal(before[:, :10], after[:, :10])
    assert not torch.allclose(before[:, 10:], after[:, 10:])


@pytest.mark.parametrize("tied", [True, False])
def test_a_saved_model_comes_back_whole(tmp_path: Path, tied: bool) -> None:
    model = tiny_model(tied_embeddings=tied)
    save_language_model(model, tmp_path)
    again = load_language_model(tmp_path)
    inputs = tokens(97)
    assert torch.equal(model(inputs), again(inputs))
    assert (again.output.weight is again.embedding.weight) == tied
    assert all(parameter.requires_grad for parameter in again.parameters())
    again(inputs).sum().backward()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "architecture.json",
        "model.safetensors",
    ]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    save_language_model(tiny_model(), tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"model\.safetensors: is not a whole safetensors"):
        load_language_model(tmp_path)
    weights.write_bytes(whole)
    sizes = json.loads((tmp_path / "architecture.json").read_text())
    for change, said in (
        ({"layers": 3}, "layers.2"),
        ({"feed_forward": 30}, "feed_forward.gate.weight is"),
        ({"layers": 1}, "unknown"),
        ({"layers": 10**9}, "layers: "),
        ({"heads": 5}, "5 heads cannot share 2"),
        ({"extra": 1}, "extra"),
    ):
        (tmp_path / "architecture.json").write_text(json.dumps({**sizes, **change}))
        with pytest.raises(BadInput, match=said):
            load_language_model(tmp_path)


def test_a_huge_architecture_costs_no_memory_before_it_is_checked(tmp_path: Path) -> None:
    save_language_model(tiny_model(), tmp_path)
    sizes = tiny_architecture().model_dump()
    huge = {**sizes, "vocabulary": 2**22, "width": 2**16, "feed_forward": 2**19}
    (tmp_path / "architecture.json").write_text(json.dumps(huge))
    with pytest.raises(BadInput, match="does not fit"):
        load_language_model(tmp_path)


def test_a_llama_with_parts_of_its_own_is_refused() -> None:
    llama = to_transformers(tiny_model())
    llama.config.rope_scaling = {"rope_type": "linear", "factor": 2.0}
    with pytest.raises(BadInput, match="rope_scaling"):
        from_transformers(llama)


def test_a_new_model_predicts_nearly_evenly() -> None:
    torch.manual_seed(0)
    logits = CausalLanguageModel(tiny_architecture(tied_embeddings=False))(tokens(97))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens(97).flatten())
    assert loss.item() == pytest.approx(math.log(97), abs=0.1)
