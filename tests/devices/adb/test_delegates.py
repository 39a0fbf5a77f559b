"""What the engine is asked for is what it used, or there are no figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekd.catalog import find_targets
from edgekd.devices.adb.figures import STAND_IN_REASON
from edgekd.errors import BadInput, RunFailed
from edgekd.files import sha256_of
from tests.devices.adb.conftest import MakePhone
from tests.devices.adb.measuring import device, phone_target, samples, steady, steady_result
from tests.devices.adb.peer.application import Launch

pytestmark = pytest.mark.usefixtures("own_cache")


def uses(delegate: str | None) -> Callable[[Launch], None]:
    """An app whose engine uses this one, whatever it is asked for."""

    def benchmark(launch: Launch) -> None:
        result = steady_result(launch)
        result["engine"]["delegate"] = delegate
        launch.finish(json.dumps(result).encode())

    return benchmark


def test_the_intent_says_delegate_and_hash(make_phone: MakePhone, model: Path) -> None:
    phone = make_phone(benchmark=steady)
    figures = device(phone).measure(model, phone_target(phone, delegate="xnnpack"))
    assert figures.reasons == [STAND_IN_REASON]
    assert figures.device_facts is not None
    assert figures.device_facts.delegate == "xnnpack"
    for launch in phone.application.launches:
        assert launch.text("delegate") == "xnnpack"
        assert launch.text("sha256") == sha256_of(model)


def test_where_none_is_asked_for_the_engine_chooses(make_phone: MakePhone, model: Path) -> None:
    phone = make_phone(benchmark=uses("XnnpackBackend"))
    figures = device(phone).measure(model, phone_target(phone))
    assert figures.reasons == [STAND_IN_REASON]
    assert "delegate" not in phone.application.launches[0].extras


@pytest.mark.parametrize(
    ("used", "told"), [("cpu", "but 'cpu'"), (None, "does not tell"), ("XNNPACK", "but 'XNNPACK'")]
)
def test_a_silent_fallback_gives_no_figures(
    make_phone: MakePhone, model: Path, used: str | None, told: str
) -> None:
    phone = make_phone(benchmark=uses(used))
    figures = device(phone).measure(model, phone_target(phone, delegate="xnnpack"))
    assert figures.latency_ms is None
    assert any("silent fallback" in reason and told in reason for reason in figures.reasons)


def test_nor_outputs(make_phone: MakePhone, model: Path) -> None:
    def benchmark(launch: Launch) -> None:
        result = steady_result(launch)
        output = {"name": "y", "dtype": "float32", "shape": [1, 4], "data": "A" * 22 + "=="}
        result |= {"outputs": [output], "engine": {"name": "onnx", "delegate": "cpu"}}
        launch.finish(json.dumps(result).encode())

    phone = make_phone(benchmark=benchmark)
    target = phone_target(phone, delegate="nnapi")
    with pytest.raises(RunFailed, match="silent fallback"):
        device(phone).run_outputs(model, target, samples(1))


def test_an_engine_that_changes_its_mind_is_told(make_phone: MakePhone, model: Path) -> None:
    used = iter(["cpu", "xnnpack", "cpu"])

    def benchmark(launch: Launch) -> None:
        uses(next(used))(launch)

    phone = make_phone(benchmark=benchmark)
    figures = device(phone).measure(model, phone_target(phone))
    changed = "the app, or what its engine used, changed between two repetitions"
    assert changed in figures.reasons


@pytest.mark.parametrize(
    ("runtime", "delegate", "told"),
    [
        ("onnx", "gpu", "onnx takes one of cpu, xnnpack, nnapi, not 'gpu'"),
        ("litert", "nnapi", "litert takes one of xnnpack, cpu, gpu, not 'nnapi'"),
        ("executorch", "xnnpack", "executorch takes none: export decides, not 'xnnpack'"),
    ],
)
def test_a_target_that_asks_for_another(
    tmp_path: Path, runtime: str, delegate: str, told: str
) -> None:
    fields = phone_target(runtime=runtime).model_dump(mode="json")
    fields["android"]["delegate"] = delegate
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(fields, indent=1), encoding="utf-8")
    with pytest.raises(BadInput) as raised:
        find_targets([str(path)])
    assert f"delegate: {told}" in str(raised.value)
    assert "android" in str(raised.value)
