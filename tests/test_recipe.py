from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.catalog import find_recipe, recipe_paths
from edgekd.errors import BadInput
from edgekd.recipe import Recipe, load_any_recipe, load_recipe
from edgekd.recipe.signals import tap_pairs
from edgekd.yaml_document import read_document
from tests.conftest import ROOT

MINIMAL = """\
data:
  source: digits
  split: {validation: 10, test: 10}
teacher:
  network: teacher
student:
  network: small_student
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(recipe_paths()))
def test_shipped_recipes_load(name: str) -> None:
    recipe = load_any_recipe(find_recipe(name))
    assert recipe.description
    if isinstance(recipe, Recipe):
        assert len(recipe.seeds) >= 3


def test_a_search_does_not_take_a_language_model() -> None:
    with pytest.raises(BadInput, match="is the recipe of a language model"):
        load_recipe(find_recipe("assistant"))


def test_defaults_and_overrides(tmp_path: Path) -> None:
    recipe = load_recipe(
        write(tmp_path, MINIMAL),
        ["distill.temperature=2.5", "seeds=[7, 8]", "teacher.labels=same", "data.labels=null"],
    )
    assert recipe.distill.temperature == 2.5
    assert recipe.seeds == [7, 8]
    assert recipe.teacher.labels == "same"
    assert recipe.data.labels is None


def test_unknown_key_names_the_nearest_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "distill:\n  temprature: 3\n")
    with pytest.raises(BadInput) as caught:
        load_recipe(path)
    assert str(caught.value) == (
        f"{path}:9: distill.temprature: unknown key 'temprature' (did you mean 'temperature'?)"
    )


@pytest.mark.parametrize(
    ("addition", "line", "key"),
    [
        ("seeds: 3\n", 8, "seeds"),
        ("seeds: [0, 0]\n", 1, "stands twice"),
        ("distill: {alpha: 2}\n", 8, "distill.alpha"),
        ("distill: {steps: many}\n", 8, "distill.steps"),
        ("distill: {alpha: .nan}\n", 8, "distill.alpha"),
        ("compress:\n  precisions: [int8, int7]\n", 9, "compress.precisions.1"),
        ("student: {network: x}\n", 8, "stands twice"),
    ],
)
def test_wrong_values_name_file_line_and_key(
    tmp_path: Path, addition: str, line: int, key: str
) -> None:
    path = write(tmp_path, MINIMAL + addition)
    with pytest.raises(BadInput) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}:{line}")
    assert key in str(caught.value)


def test_missing_section(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL.replace("student:\n  network: small_student\n", ""))
    with pytest.raises(BadInput, match="student: is missing"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("- 1\n", "mapping"),
        ("a: [1\n", "not valid YAML"),
        ("a: 1\na: 2\n", "stands twice"),
        ("a: !!python/object/apply:os.system [ls]\n", "plain value"),
        ("? [1, 2]\n: 3\n", "plain text"),
        ("[" * 5000, "YAML|deep"),
    ],
)
def test_hostile_yaml_is_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        read_document(write(tmp_path, text))


def test_too_large_and_not_text(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="1 MiB"):
        read_document(write(tmp_path, "a: " + "x" * 2**20))
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="UTF-8"):
        read_document(path)


@pytest.mark.parametrize("override", ["x", "=1", "a..b=1", "data.source.deeper=1", "a=[1"])
def test_wrong_overrides(tmp_path: Path, override: str) -> None:
    with pytest.raises(BadInput, match="--set"):
        load_recipe(write(tmp_path, MINIMAL), [override])


def test_override_error_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"--set distill\.temprature: .*'temperature'"):
        load_recipe(write(tmp_path, MINIMAL), ["distill.temprature=3"])


@given(st.text(max_size=200))
def test_any_text_is_refused_in_one_line(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(BadInput) as caught:
            load_recipe(path)
        assert "\n" not in str(caught.value)


AUDIO = "data.front_end={sample_rate: 8000}"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["augmentation={audio: {shift: 0.1}}"], "goes with data.front_end"),
        ([AUDIO, "augmentation={rotation: 5.0}"], "keys under audio"),
        ([AUDIO, "augmentation={}", "data.mean=[0.5]"], "standardized by themselves"),
        (["data.normal=['1']"], "goes with task"),
        (["task=anomaly-detection"], "goes with task"),
        (["task=anomaly-detection", "data.normal=['1']"], "needs classes; use regression"),
        (["teacher={kind: onnx, path: a.onnx}", "distill.cache=false"], "needs a torch teacher"),
        (
            [
                "teacher={kind: onnx, path: a.onnx}",
                "distill.signals=[{kind: hint, teacher: a, student: b}]",
            ],
            "one torch teacher to look into",
        ),
        (["teacher.ensemble=[{steps: 0}]"], "ensemble: steps"),
        (["teacher={kind: onnx, network: teacher, path: a}"], "go with kind torch"),
        (["data.split={kind: groups, validation: 5}"], "held_out"),
        (["data.split={kind: official, validation: 5, test: 5}"], "goes with kind: random"),
        (["data.front_end={coefficients: 50}"], "more coefficients than mel_bins"),
        (["data.front_end={high_hz: 9000.0}"], "sample_rate / 2"),
    ],
)
def test_keys_that_do_not_fit_together(overrides: list[str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        load_recipe(ROOT / "models/digits/recipe.yaml", overrides)


def test_one_learning_rate_is_a_list_of_one() -> None:
    recipe = load_recipe(ROOT / "models/digits/recipe.yaml", ["distill.learning_rates=0.02"])
    assert recipe.distill.learning_rates == [0.02]


def test_members_of_an_ensemble_differ_in_what_they_say() -> None:
    recipe = load_recipe(
        ROOT / "models/digits/recipe.yaml", ["teacher.ensemble=[{seed: 1}, {weight: 2.0}]"]
    )
    first, second, third = recipe.teacher.members
    assert (first.seed, second.seed, third.seed) == (0, 1, 0)
    assert third.weight == 2.0
    assert {member.network for member in recipe.teacher.members} == {"teacher"}
    assert not any(member.ensemble for member in recipe.teacher.members)


def test_a_signal_on_relations_names_its_heads_and_its_taps() -> None:
    signal = "{kind: attention-relations, heads: 8, layers: {a.query: b.query, a.key: b.key}}"
    recipe = load_recipe(ROOT / "models/digits/recipe.yaml", [f"distill.signals=[{signal}]"])
    assert tap_pairs(recipe.distill.signals[0]) == [("a.query", "b.query"), ("a.key", "b.key")]
    with pytest.raises(BadInput, match="heads"):
        load_recipe(
            ROOT / "models/digits/recipe.yaml",
            ["distill.signals=[{kind: attention-relations, layers: {a: b}}]"],
        )
