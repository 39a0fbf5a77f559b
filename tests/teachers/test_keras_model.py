"""Keras and TensorFlow: the files and folders they write, and the same network as ``.tflite``."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekd.errors import BadInput
from edgekd.recipe import Teacher
from edgekd.teachers import tflite_file
from edgekd.teachers.keras_model import open_teacher
from edgekd.third_party import quiet

SPEC = Teacher(kind="keras", path="teacher")
IMAGES = np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype(np.float32)
PARAMETERS = 3 * 3 * 3 * 4 + 4 + 4 * 4 + 4 * 5 + 5


@pytest.fixture(scope="module")
def keras() -> Any:
    with quiet():
        import keras
        import tensorflow  # noqa: F401  (before Keras, as the loader does)

        keras.utils.set_random_seed(0)
        return keras


@pytest.fixture(scope="module")
def network(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )


def save(network: Any, path: Path) -> Path:
    with quiet():
        if path.suffix:
            network.save(path)
        else:
            network.export(path, verbose=False)
    return path


@pytest.fixture(scope="module")
def written(network: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("keras")
    names = ("teacher.keras", "teacher.h5", "saved_model")
    return {name: save(network, folder / name) for name in names}


@pytest.mark.parametrize("name", ["teacher.keras", "teacher.h5", "saved_model"])
def test_equals_keras(network: Any, written: dict[str, Path], name: str) -> None:
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
    teacher = open_teacher(written[name], SPEC)
    logits = teacher.logits(IMAGES)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, network(IMAGES, training=False).numpy(), atol=1e-4)
    assert teacher.input_shape == (None, 8, 8, 3)
    assert teacher.parameters == PARAMETERS
    assert (teacher.size_bytes or 0) > 4 * PARAMETERS
    assert os.environ.get("TF_CPP_MIN_LOG_LEVEL") == level


@pytest.mark.parametrize("name", ["teacher.keras", "saved_model"])
def test_inputs_that_do_not_fit(written: dict[str, Path], name: str) -> None:
    with pytest.raises(BadInput, match=r"takes inputs of shape \[N, 8, 8, 3\], not \[N, 3, 8, 8\]"):
        open_teacher(written[name], SPEC).logits(IMAGES.transpose(0, 3, 1, 2))


def test_a_fixed_batch(keras: Any, tmp_path: Path) -> None:
    layers = [keras.layers.Input(batch_shape=(2, 6)), keras.layers.Dense(3)]
    network = keras.Sequential(layers)
    features = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    kernel, bias = network.get_weights()
    for name in ("teacher.keras", "teacher.h5"):
        teacher = open_teacher(save(network, tmp_path / name), SPEC)
        assert teacher.input_shape == (2, 6)
        np.testing.assert_allclose(teacher.logits(features), features @ kernel + bias, atol=1e-5)


def test_outputs(keras: Any, tmp_path: Path) -> None:
    inputs = keras.layers.Input((6,))
    hidden = keras.layers.Reshape((3, 2))(inputs)
    scores = keras.layers.Softmax()(inputs)
    one = keras.Model(inputs, [hidden, scores])
    two = keras.Model(inputs, [scores, keras.layers.ReLU()(inputs)])
    spec = Teacher(kind="keras", path="teacher", outputs="probabilities")
    features = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    expected = features - np.log(np.exp(features).sum(1, keepdims=True))
    for name in ("one.keras", "one"):
        path = save(one, tmp_path / name)
        np.testing.assert_allclose(open_teacher(path, spec).logits(features), expected, atol=1e-4)
        with pytest.raises(BadInput, match=r"set teacher\.outputs: probabilities"):
            open_teacher(path, SPEC).logits(features)
    for name in ("two.keras", "two"):
        with pytest.raises(BadInput, match="2 of its outputs are scores"):
            open_teacher(save(two, tmp_path / name), SPEC)


def test_several_inputs(keras: Any, tmp_path: Path) -> None:
    inputs = [keras.layers.Input((6,), name=name) for name in ("a", "b")]
    network = keras.Model(inputs, keras.layers.Add()(inputs))
    for name in ("teacher.keras", "saved_model"):
        with pytest.raises(BadInput, match="takes 2 inputs"):
            open_teacher(save(network, tmp_path / name), SPEC)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_lambda_is_not_run(keras: Any, tmp_path: Path, suffix: str) -> None:
    mark = tmp_path / "mark"

    def leave_a_mark(inputs: Any, path: str = str(mark)) -> Any:
        import pathlib

        pathlib.Path(path).write_text("ran")
        return inputs

    layers = [keras.layers.Input((6,)), keras.layers.Lambda(leave_a_mark), keras.layers.Dense(3)]
    path = save(keras.Sequential(layers), tmp_path / f"teacher.{suffix}")
    mark.unlink()
    with pytest.raises(BadInput, match="has a layer Lambda, which carries code") as caught:
        open_teacher(path, SPEC)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


@pytest.mark.parametrize("module", ["os", "subprocess", "keras.config", "keras.utils", "kerasx"])
def test_layers_from_elsewhere(written: dict[str, Path], tmp_path: Path, module: str) -> None:
    def change(config: dict[str, Any]) -> None:
        layer = config["config"]["layers"][1]
        layer["module"], layer["class_name"] = module, "enable_unsafe_deserialization"

    path = rewritten(written["teacher.keras"], tmp_path / "teacher.keras", change)
    with pytest.raises(BadInput, match=f"enable_unsafe_deserialization of {module}, which is not"):
        open_teacher(path, SPEC)


def rewritten(source: Path, path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return path


def test_how_it_was_trained_does_not_matter(
    network: Any, written: dict[str, Path], tmp_path: Path
) -> None:
    def change(config: dict[str, Any]) -> None:
        config["compile_config"] = {"loss": {"module": "my.project", "class_name": "MyLoss"}}

    path = rewritten(written["teacher.keras"], tmp_path / "teacher.keras", change)
    logits = open_teacher(path, SPEC).logits(IMAGES)
    np.testing.assert_allclose(logits, network(IMAGES, training=False).numpy(), atol=1e-4)


@pytest.mark.parametrize("operator", ["WriteFile", "ReadFile"])
def test_a_program_that_touches_files(tmp_path: Path, operator: str) -> None:
    import tensorflow as tf

    mark = tmp_path / "mark"

    class Program(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None, 6])])  # type: ignore[untyped-decorator]
        def __call__(self, inputs: Any) -> Any:
            if operator == "WriteFile":
                tf.io.write_file(str(mark), "ran")
            else:
                tf.io.read_file("/etc/hostname")
            return inputs

    with quiet():
        tf.saved_model.save(Program(), str(tmp_path / "saved"))
    with pytest.raises(BadInput, match=f"operators that reach files or Python .'{operator}'"):
        open_teacher(tmp_path / "saved", SPEC)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["teacher.keras", "teacher.h5"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_truncated(written: dict[str, Path], tmp_path: Path, name: str, share: float) -> None:
    path, content = tmp_path / name, written[name].read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadInput) as caught:
        open_teacher(path, SPEC)
    assert "\n" not in str(caught.value)


def test_a_truncated_saved_model(written: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"it has no saved_model\.pb"):
        open_teacher(tmp_path, SPEC)
    content = (written["saved_model"] / "saved_model.pb").read_bytes()
    (tmp_path / "saved_model.pb").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInput, match="Keras cannot load it"):
        open_teacher(tmp_path, SPEC)


def test_weights_alone(network: Any, tmp_path: Path) -> None:
    network.save_weights(tmp_path / "teacher.weights.h5")
    with pytest.raises(BadInput, match="holds weights without a model"):
        open_teacher(tmp_path / "teacher.weights.h5", SPEC)


@pytest.mark.parametrize("quantized", [False, True])
def test_the_same_network_as_tflite(network: Any, tmp_path: Path, quantized: bool) -> None:
    import tensorflow as tf

    with quiet():
        converter = tf.lite.TFLiteConverter.from_keras_model(network)
        if quantized:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([IMAGES[i : i + 1]] for i in range(5))
            converter.inference_input_type = converter.inference_output_type = tf.int8
        (tmp_path / "teacher.tflite").write_bytes(converter.convert())
    teacher = tflite_file.open_teacher(tmp_path / "teacher.tflite", SPEC)
    expected = network(IMAGES, training=False).numpy()
    tolerance = 0.05 * np.abs(expected).max() if quantized else 1e-4
    np.testing.assert_allclose(teacher.logits(IMAGES), expected, atol=tolerance)
    assert teacher.input_shape == (None, 8, 8, 3)
