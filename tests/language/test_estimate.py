from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from edgekd.errors import BadInput
from edgekd.language import costs
from edgekd.language.answers import AnswerPlan
from edgekd.language.decoding.cached import cache_shapes
from edgekd.language.estimate import estimate, student_architecture
from edgekd.language.llama import to_transformers
from edgekd.language.needs import Hardware, Phase
from edgekd.language.network import Architecture, CausalLanguageModel, rotary_angles
from edgekd.language.sizes import architecture_of_teacher
from edgekd.recipe.language import LanguageRecipe
from tests.conftest import ROOT
from tests.language.models import tiny_architecture, tiny_model

SMOLLM = {
    "vocabulary": 8000,
    "width": 576,
    "layers": 10,
    "heads": 9,
    "key_value_heads": 3,
    "head_width": 64,
    "feed_forward": 1536,
    "context": 128,
}
SHAPES = [
    {},
    {"key_value_heads": 4, "tied_embeddings": False},
    {"width": 64, "heads": 9, "key_value_heads": 3, "head_width": 16, "feed_forward": 120},
]


def recipe_of(**changes: Any) -> LanguageRecipe:
    document = {
        "task": "language-modelling",
        "corpus": {"source": "tiny_shakespeare", "context": 32},
        "teacher": {"path": "somewhere", "adapt": None},
        "student": {"layers": 1},
        "distill": {"steps": 10, "batch_size": 8, "mixed_precision": "no"},
        "compress": {"precisions": []},
    }
    return LanguageRecipe.model_validate({**document, **changes})


def phases(recipe: LanguageRecipe, hardware: Hardware | None = None) -> dict[str, Phase]:
    found = estimate(recipe, tiny_architecture(), hardware or Hardware())
    return {phase.name: phase for phase in found.phases}


@pytest.mark.parametrize("shape", SHAPES)
def test_parameters_and_flops_are_those_that_torch_counts(shape: dict[str, Any]) -> None:
    model = tiny_model(**shape)
    sizes = model.architecture
    assert costs.parameters(sizes) == sum(value.numel() for value in model.parameters())
    tokens = torch.zeros((3, 40), dtype=torch.long)
    with FlopCounterMode(display=False) as forward:
        model(tokens)
    assert forward.get_total_flops() == 120 * costs.forward_flops(sizes, 40)
    with FlopCounterMode(display=False) as both:
        model(tokens).sum().backward()
    assert both.get_total_flops() == 120 * costs.training_flops(sizes, 40)
    caches = sum(math.prod(shape) for shape in cache_shapes(model, 16).values())
    assert costs.cache_bytes(sizes, 16) == 4 * caches


def test_the_estimate_of_a_known_model_is_its_published_size() -> None:
    sizes = Architecture.model_validate_json((ROOT / "models/assistant/llama-70b.json").read_text())
    assert costs.parameters(sizes) == 70_553_706_496
    # 2N of all weights but the embedding, and 4 x 80 x 8192 a position.
    weights = 70_553_706_496 - 128_256 * 8192 - (2 * 80 + 1) * 8192
    assert costs.forward_flops(sizes, 2048) == 2 * weights + 4 * 80 * 8192 * 2048


@pytest.mark.parametrize("precision", ["no", "bf16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_layers_keep_is_what_autograd_saves(
    shape: dict[str, Any], precision: Literal["no", "bf16"]
) -> None:
    model = tiny_model(**shape).train()
    sizes, context, batch = model.architecture, 40, 3
    own = {value.untyped_storage().data_ptr() for value in model.parameters()}
    saved: dict[int, torch.Tensor] = {}

    def keep(value: torch.Tensor) -> torch.Tensor:
        if value.untyped_storage().data_ptr() not in own:
            saved[value.untyped_storage().data_ptr()] = value
        return value

    hidden = model.embedding(torch.zeros((batch, context), dtype=torch.long))
    cosine, sine = rotary_angles(sizes, torch.arange(context))
    future = torch.ones(context, context).triu(1).bool()
    half = precision == "bf16"
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value),
        torch.autocast("cpu", torch.bfloat16, enabled=half),
    ):
        for layer in model.layers:
            hidden = layer(hidden, cosine, sine, future)
    found = sum(value.untyped_storage().nbytes() for value in saved.values())
    expected = batch * context * costs.saved_bytes(sizes, context, precision)
    if half:
        # Casts of the weights are counted elsewhere; on CPUs the softmax is computed in bfloat16.
        matrices = costs.layer_parameters(sizes) - 2 * sizes.width
        expected += sizes.layers * costs.HALF * matrices
        expected -= batch * context * sizes.layers * costs.WIDE * sizes.heads * context
    assert found == pytest.approx(expected, rel=0.03)


def test_the_memory_of_a_training_step_is_as_estimated() -> None:
    sizes = tiny_architecture(**SMOLLM)
    script = Path(__file__).with_name("step_memory.py")
    done = subprocess.run(
        [sys.executable, str(script), sizes.model_dump_json(), "4"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        timeout=200,
        check=True,
    )
    grew = int(done.stdout)
    recipe = recipe_of(
        corpus={"source": "tiny_shakespeare", "context": 128},
        student={"layers": 10},
        distill={"batch_size": 4, "mixed_precision": "no"},
    )
    control = estimate(recipe, sizes, Hardware()).phases[1]
    assert control.name == "control trained"
    assert control.devices == 1
    assert grew == pytest.approx(control.bytes_each, rel=0.3)


def test_phases_follow_the_recipe() -> None:
    sizes = tiny_architecture()
    student = student_architecture(recipe_of(), sizes)
    kept = phases(recipe_of())
    assert list(kept) == ["teacher asked", "control trained", "student trained"]
    assert kept["teacher asked"].flops == 10 * 8 * 32 * costs.forward_flops(sizes, 32)
    assert kept["student trained"].flops == 10 * 8 * 32 * costs.training_flops(student, 32)
    hours = kept["student trained"].flops / (989e12 * 0.4 * 3600)
    assert kept["student trained"].device_hours == pytest.approx(hours)
    live = phases(recipe_of(distill={"steps": 10, "batch_size": 8, "top_k": None}))
    assert list(live) == ["control trained", "student trained"]
    more = live["student trained"].flops - live["control trained"].flops
    assert more == 10 * 8 * 32 * costs.forward_flops(sizes, 32)
    assert live["student trained"].state - live["control trained"].state == 4 * costs.parameters(
        sizes
    )
    written = recipe_of(
        distill={"steps": 10, "batch_size": 8, "top_k": None, "on_policy": {"prompt": 1}}
    )
    assert phases(written)["student trained"].flops - live["student trained"].flops == (
        10 * 8 * 32 * costs.forward_flops(student, 32) // 2
    )
    texts = recipe_of(distill={"steps": 10, "batch_size": 8, "sequences": "texts.jsonl"})
    assert list(phases(texts)) == ["control trained", "student trained"]
    whole = recipe_of(teacher={"path": "x"}, compress={"precisions": ["int8", "int4"]})
    assert list(phases(whole)) == [
        "teacher adapted",
        "teacher asked",
        "control trained",
        "student trained",
        "int4 trained",
    ]


def test_answers_take_what_their_files_take() -> None:
    recipe = recipe_of()
    found = estimate(recipe, tiny_architecture(), Hardware(), corpus_tokens=3200)
    plan = AnswerPlan(
        teacher="", corpus="", vocabulary=97, windows=100, context=32, k=64, temperature=1.0
    )
    assert found.answers == plan.cache_bytes() == 3200 * (64 * 4 + 4)
    live = recipe_of(distill={"top_k": None})
    assert estimate(live, tiny_architecture(), Hardware()).answers is None


@settings(max_examples=60, deadline=None)
@given(
    memory=st.floats(1e4, 1e8),
    batch=st.integers(1, 48),
    layers=st.integers(1, 2),
    precision=st.sampled_from(["no", "bf16"]),
)
def test_it_fits_on_the_devices_that_are_named_and_on_no_fewer(
    memory: float, batch: int, layers: int, precision: str
) -> None:
    distill = {"steps": 1, "batch_size": batch, "mixed_precision": precision}
    recipe = recipe_of(distill=distill, student={"layers": layers})
    hardware = Hardware(memory=memory, usable=1.0)
    for phase in estimate(recipe, tiny_architecture(), hardware).phases:
        if phase.devices is None:
            assert phase.bytes_each > memory
            continue
        assert phase.bytes_each <= memory
        if phase.name != "teacher asked":
            assert phase.devices * phase.windows == batch
        if phase.devices > 1:
            less = hardware.model_copy(update={"memory": phase.bytes_each - 1.0})
            others = {p.name: p for p in estimate(recipe, tiny_architecture(), less).phases}
            assert (others[phase.name].devices or 10**6) > phase.devices


def test_a_student_that_keeps_more_than_there_is_is_refused() -> None:
    more: list[dict[str, Any]] = [{"layers": 3}, {"feed_forward": 41}, {"key_value_heads": 3}]
    for wrong in [*more, {"layers": []}]:
        with pytest.raises(BadInput, match=r"keeps .* layers, neurons and heads"):
            student_architecture(recipe_of(student=wrong), tiny_architecture())


def test_sizes_are_read_from_the_configuration_alone(tmp_path: Path) -> None:
    model = CausalLanguageModel(tiny_architecture())
    to_transformers(model).config.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert architecture_of_teacher(str(tmp_path)) == model.architecture
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "mlp_bias": True}))
    with pytest.raises(BadInput, match=r"has biases.*--teacher-architecture"):
        architecture_of_teacher(str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BadInput, match="cannot be read"):
        architecture_of_teacher(str(tmp_path))
