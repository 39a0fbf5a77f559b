"""A pruned network comes back from its sizes and its weights, and a false file is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgekd.compress.architecture import apply_architecture, architecture_of
from edgekd.compress.folding import fold_batch_norm
from edgekd.compress.pruning import prune_channels
from edgekd.errors import BadInput
from edgekd.networks import count_macs, load_weights, save_weights

from .networks import NETWORKS, Residual, built, outputs, plain

EVERY_NETWORK = pytest.mark.parametrize("name", NETWORKS)


def through_json(architecture: object) -> Any:
    return json.loads(json.dumps(architecture, allow_nan=False))


@EVERY_NETWORK
def test_sizes_and_weights_give_the_pruned_network_back(name: str, tmp_path: Path) -> None:
    network, shape = built(name)
    pruned = prune_channels(network, shape, 0.6, scope="global", keep=[])
    save_weights(pruned, tmp_path / "weights.safetensors")
    again = NETWORKS[name][0]()
    apply_architecture(again, through_json(architecture_of(pruned)))
    load_weights(again, tmp_path / "weights.safetensors")
    assert torch.equal(outputs(again, shape), outputs(pruned, shape))
    assert count_macs(again, np.zeros((1, *shape), np.float32)) == count_macs(
        pruned, np.zeros((1, *shape), np.float32)
    )
    assert architecture_of(again) == architecture_of(pruned)
    assert str(again) == str(pruned)


def test_the_folded_form_loads_too(tmp_path: Path) -> None:
    network, shape = built("residual")
    pruned = prune_channels(network, shape, 0.5, scope="per-layer", keep=[])
    folded = fold_batch_norm(pruned)
    save_weights(folded, tmp_path / "weights.safetensors")
    resized = Residual()
    apply_architecture(resized, architecture_of(pruned))
    again = fold_batch_norm(resized)
    load_weights(again, tmp_path / "weights.safetensors")
    assert torch.equal(outputs(again, shape), outputs(folded, shape))


def test_every_kind_of_layer_is_resized() -> None:
    def layers(width: int) -> nn.ModuleList:
        return nn.ModuleList(
            [
                nn.Conv1d(width, 2 * width, 3),
                nn.Conv2d(width, width, (3, 1), groups=width, bias=False),
                nn.Conv2d(2 * width, 4 * width, 3, groups=2),
                nn.ConvTranspose2d(4 * width, 2 * width, 2, groups=2),
                nn.Linear(width, 3, bias=False),
                nn.BatchNorm1d(width, affine=False),
                nn.BatchNorm2d(width, track_running_stats=False),
                nn.InstanceNorm2d(width, affine=True),
                nn.LayerNorm(width, elementwise_affine=False),
                nn.LayerNorm([5, width], bias=False),
                nn.GroupNorm(2, 2 * width),
                nn.Embedding(7, width, padding_idx=0),
                nn.PReLU(width),
                nn.PReLU(),
            ]
        )

    wide, narrow = layers(8), layers(4)
    apply_architecture(wide, through_json(architecture_of(narrow)))
    assert str(wide) == str(narrow)
    wide.load_state_dict(narrow.state_dict(), strict=True)


def test_the_architecture_of_the_network_itself_changes_nothing() -> None:
    network, _ = built("uncommon")
    network.get_submodule("stem").requires_grad_(False)
    before = copy.deepcopy(network)
    apply_architecture(network, architecture_of(network))
    for (name, value), expected in zip(
        network.named_parameters(), before.parameters(), strict=True
    ):
        assert torch.equal(value, expected), name
        assert value.requires_grad == expected.requires_grad


def test_frozen_layers_stay_frozen() -> None:
    network = plain().requires_grad_(False)
    narrow = prune_channels(plain(), (3, 8, 8), 0.5, scope="per-layer", keep=[])
    apply_architecture(network, architecture_of(narrow))
    assert not any(value.requires_grad for value in network.parameters())


def change(path: str, name: str, value: object) -> Any:
    architecture: Any = architecture_of(plain())
    architecture[path][name] = value
    return architecture


def without(path: str) -> Any:
    return {key: value for key, value in architecture_of(plain()).items() if key != path}


SIZE_ERROR = "is not a whole number from 1 to 8"


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ([], "not a table"),
        (None, "not a table"),
        ("text", "not a table"),
        ({}, "layer '0.0' are missing"),
        (without("1.1"), "layer '1.1' are missing"),
        (architecture_of(plain()) | {"1.7": {}}, r"no layer '1.7' .*near ones: 1\.\d"),
        (architecture_of(plain()) | {"": {}}, "no layer ''"),
        (architecture_of(plain()) | {"0.2": {}}, "no layer '0.2'"),
        (architecture_of(plain()) | {"training\n" * 99: {}}, "no layer 'training"),
        (architecture_of(plain()) | {"0.0": [8]}, r"0\.0: is not the sizes of this kind"),
        (architecture_of(plain()) | {"0.0": {"num_features": 8}}, r"it has in_channels, out"),
        (change("0.1", "weight", 8), r"0\.1: is not the sizes of this kind"),
        (change("0.1", "num_features", 0), f"0 {SIZE_ERROR}"),
        (change("0.1", "num_features", -8), f"-8 {SIZE_ERROR}"),
        (change("0.1", "num_features", 9), f"9 {SIZE_ERROR}"),
        (change("0.1", "num_features", 10**30), SIZE_ERROR),
        (change("0.1", "num_features", 4.0), f"4.0 {SIZE_ERROR}"),
        (change("0.1", "num_features", True), f"True {SIZE_ERROR}"),
        (change("0.1", "num_features", "4"), f"'4' {SIZE_ERROR}"),
        (change("0.1", "num_features", None), f"None {SIZE_ERROR}"),
        (change("0.1", "num_features", [[[[4]]]] * 1000), SIZE_ERROR),
        (change("0.0", "groups", 2), "not a whole number from 1 to 1"),
    ],
)
def test_a_false_file_is_refused_and_changes_nothing(architecture: object, message: str) -> None:
    network = plain()
    with pytest.raises(BadInput, match=message) as caught:
        apply_architecture(network, architecture)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert architecture_of(network) == architecture_of(plain())


@pytest.mark.parametrize(
    ("network", "sizes"),
    [
        (nn.Conv2d(8, 8, 3, groups=4), {"in_channels": 8, "out_channels": 6, "groups": 4}),
        (nn.Conv2d(8, 8, 3, groups=4), {"in_channels": 6, "out_channels": 8, "groups": 4}),
        (nn.GroupNorm(4, 8), {"num_channels": 6}),
    ],
)
def test_channels_that_do_not_divide_into_groups_are_refused(
    network: nn.Module, sizes: dict[str, int]
) -> None:
    with pytest.raises(BadInput, match="do not divide into 4 groups"):
        apply_architecture(nn.Sequential(network), {"0": sizes})


def test_weights_of_other_sizes_are_refused(tmp_path: Path) -> None:
    save_weights(plain(), tmp_path / "weights.safetensors")
    network = plain()
    apply_architecture(network, change("0.1", "num_features", 4))
    with pytest.raises(BadInput, match="does not fit the network"):
        load_weights(network, tmp_path / "weights.safetensors")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_json_is_taken_or_refused(data: st.DataObject) -> None:
    architecture: Any = through_json(architecture_of(plain()))
    path = data.draw(st.sampled_from([*architecture, "other"]))
    if data.draw(st.booleans()) and path in architecture:
        architecture[path][data.draw(st.sampled_from([*architecture[path]]))] = data.draw(JSON)
    else:
        architecture[path] = data.draw(JSON)
    network = plain()
    try:
        apply_architecture(network, architecture)
    except BadInput:
        assert architecture_of(network) == architecture_of(plain())
    else:
        assert architecture_of(network) == architecture
