"""Pruned networks: which channels go, what hangs together, and that the rest still works."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgekd.compress.pruning import Scope, prune_channels, share_of_round
from edgekd.errors import BadInput
from edgekd.networks import count_macs, count_parameters

from .networks import (
    NETWORKS,
    FixedView,
    Pooled,
    Rolled,
    Scaled,
    Shape,
    Shuffled,
    WithAttention,
    built,
    outputs,
    plain,
    widths,
)

SCOPES: tuple[Scope, ...] = ("global", "per-layer")


def prune(
    network: nn.Module, shape: Shape, share: float, scope: Scope = "per-layer", *keep: str
) -> nn.Module:
    return prune_channels(network, shape, share, scope=scope, keep=keep)


# Share of parameters and of MACs that goes with half of each layer's channels, at least.
SMALLEST_REDUCTION = {
    "plain": (0.6, 0.6),
    "separable": (0.55, 0.55),
    "autoencoder": (0.5, 0.5),
    "residual": (0.7, 0.65),
    # The widths of both stages stay.
    "option A": (0.4, 0.45),
    "joined": (0.65, 0.65),
    "uncommon": (0.55, 0.55),
    "sequence": (0.5, 0.6),
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_and_macs_go(name: str, scope: Scope) -> None:
    network, shape = built(name)
    before = outputs(network, shape)
    pruned = prune(network, shape, 0.5, scope)
    parameters, macs = SMALLEST_REDUCTION[name]
    slack = 0 if scope == "per-layer" else 0.1
    assert 1 - count_parameters(pruned) / count_parameters(network) > parameters - slack
    assert (
        1
        - count_macs(pruned, np.zeros((1, *shape), np.float32))
        / count_macs(network, np.zeros((1, *shape), np.float32))
        > macs - slack
    )
    assert outputs(pruned, shape).shape == before.shape
    assert torch.equal(outputs(network, shape), before)
    assert [path for path, _ in pruned.named_modules()] == [
        path for path, _ in network.named_modules()
    ]
    assert not any(module.training for module in pruned.modules())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", [4, 6, 10, 10]),
        ("separable", [8, 8, 12, 12, 16, 10]),
        ("autoencoder", [16, 4, 16, 64]),
        # The stem and the first block share their width, and so do the second and the shortcut.
        ("residual", [4, 6, 4, 8, 8, 8, 10]),
        ("option A", [8, 6, 8, 8, 16, 10]),
        ("joined", [4, 6, 8, 10]),
        ("sequence", [4, 3, 4]),
    ],
)
def test_half_of_each_layer_goes(name: str, expected: list[int]) -> None:
    assert list(widths(prune(*built(name), 0.5)).values()) == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_that_stay_are_those_of_the_network(name: str) -> None:
    network, shape = built(name)
    before = dict(network.named_parameters())
    for path, parameter in prune(network, shape, 0.5).named_parameters():
        assert torch.isin(parameter, before[path]).all(), path


@pytest.mark.parametrize("scope", SCOPES)
def test_the_least_important_neurons_go(scope: Scope) -> None:
    """Against numpy: squared norms of a neuron's inputs and outputs, over the layer's mean."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3)
    )
    first, second, last = (
        layer.weight.detach().double().numpy() for layer in network if isinstance(layer, nn.Linear)
    )
    importance = [
        (np.square(before).sum(1) + np.square(after).sum(0)) / 2
        for before, after in ((first, second), (second, last))
    ]
    importance = [values / values.mean() for values in importance]
    if scope == "global":
        threshold = np.sort(np.concatenate(importance))[10]
        kept = [values >= threshold for values in importance]
    else:
        kept = [values >= np.sort(values)[len(values) // 2] for values in importance]
    pruned = prune(network, (5,), 0.5, scope)
    weights = [layer.weight.detach().numpy() for layer in pruned if isinstance(layer, nn.Linear)]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(weights[0], first[kept[0]].astype(np.float32))
    np.testing.assert_array_equal(weights[1], second[kept[1]][:, kept[0]].astype(np.float32))
    np.testing.assert_array_equal(weights[2], last[:, kept[1]].astype(np.float32))


@pytest.mark.parametrize("name", ["plain", "separable", "residual", "joined", "option A"])
def test_channels_that_nothing_reads_change_nothing(name: str) -> None:
    """Half of the channels are made dead: they go, and the outputs stay."""
    network, shape = built(name)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                module.weight[1::2] = 0
                module.bias[1::2] = 0
            if isinstance(module, nn.Conv2d):
                module.weight[1::2] *= 1e-6
                if module.groups == 1 and module.in_channels > 3:
                    module.weight[:, 1::2] *= 1e-6
                if module.bias is not None:
                    module.bias[1::2] = 0
        if name == "plain":
            hidden = network.get_submodule("4")
            assert isinstance(hidden, nn.Linear)
            hidden.weight[1::2] = 0
            hidden.get_parameter("bias")[1::2] = 0
    pruned = prune(network, shape, 0.5)
    assert count_parameters(pruned) < 0.6 * count_parameters(network)
    torch.testing.assert_close(
        outputs(pruned, shape), outputs(network, shape), atol=1e-5, rtol=1e-4
    )


def test_global_takes_from_the_layer_with_weak_channels() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    with torch.no_grad():
        network.get_parameter("0.weight")[:6] *= 0.01
        network.get_parameter("2.weight")[:, :6] *= 0.01
    assert list(widths(prune(network, (6,), 6 / 16, "global")).values()) == [2, 8, 4]
    assert list(widths(prune(network, (6,), 6 / 16)).values()) == [5, 5, 4]


def prunable(network: nn.Module) -> list[int]:
    return list(widths(network).values())[:-1]


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0.001, 0.999), scope=st.sampled_from(SCOPES))
def test_the_share_is_removed_and_a_channel_of_each_layer_stays(share: float, scope: Scope) -> None:
    network, shape = built("plain")
    layers = prunable(network)
    parts = [sum(layers)] if scope == "global" else layers
    floors = [len(layers)] if scope == "global" else [1] * len(layers)
    left = [
        max(part - round(share * part), floor) for part, floor in zip(parts, floors, strict=True)
    ]
    if left == parts:
        with pytest.raises(BadInput, match="less than one channel"):
            prune(network, shape, share, scope)
        return
    pruned = prune(network, shape, share, scope)
    found = prunable(pruned)
    assert min(found) >= 1
    assert ([sum(found)] if scope == "global" else found) == left
    assert outputs(pruned, shape).isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_single_channels_still_runs(name: str) -> None:
    network, shape = built(name)
    for scope in SCOPES:
        assert outputs(prune(network, shape, 0.999, scope), shape).isfinite().all()


@given(total=st.floats(0.001, 0.99), rounds=st.integers(1, 100))
def test_rounds_remove_the_total_together(total: float, rounds: int) -> None:
    share = share_of_round(total, rounds)
    assert 0 < share <= total * (1 + 1e-9)
    assert math.isclose((1 - share) ** rounds, 1 - total, rel_tol=1e-9)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", ["plain", "residual", "joined"])
def test_three_rounds_reach_the_wanted_share(name: str, scope: Scope) -> None:
    network, shape = built(name)
    pruned = network
    for _ in range(3):
        pruned = prune(pruned, shape, share_of_round(0.6, 3), scope)
    once = prune(network, shape, 0.6, scope)
    for found, wanted in zip(prunable(pruned), prunable(once), strict=True):
        assert abs(found - wanted) <= (1 if scope == "per-layer" else 4)
    assert abs(sum(prunable(pruned)) - sum(prunable(once))) <= 5
    assert outputs(pruned, shape).shape == outputs(network, shape).shape


def test_the_same_network_is_pruned_the_same() -> None:
    network, shape = built("residual")
    first, second = (prune(network, shape, 0.5, "global").state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_whatever_gives_the_output_stays_whole() -> None:
    assert list(widths(prune(Pooled(), (3, 8, 8), 0.5)).values()) == [4, 10, 10]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [("0", [8, 6, 10, 10]), ("1.0", [4, 12, 10, 10]), ("1.1", [4, 12, 10, 10])],
)
def test_kept_layers_stay_whole(keep: str, expected: list[int]) -> None:
    network, shape = built("plain")
    assert list(widths(prune(network, shape, 0.5, "per-layer", keep)).values()) == expected


def test_keeping_one_layer_keeps_those_that_share_its_width() -> None:
    network, shape = built("residual")
    found = widths(prune(network, shape, 0.5, "global", "stem"))
    assert found["stem.0"] == found["first.1.0"] == 8


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ("frist.0", "no module 'frist.0' .near ones: first.0"),
        ("", "no module ''"),
        ("stem.2", "'stem.2' has no channels of its own"),
    ],
)
def test_a_wrong_keep_is_refused(keep: str, message: str) -> None:
    network, shape = built("residual")
    with pytest.raises(BadInput, match=message) as caught:
        prune(network, shape, 0.5, "global", keep)
    assert "\n" not in str(caught.value)


def test_frozen_parameters_stay_frozen() -> None:
    network, shape = built("plain")
    network.get_submodule("0").requires_grad_(False)
    frozen = {
        name
        for name, value in prune(network, shape, 0.5).named_parameters()
        if not value.requires_grad
    }
    assert frozen == {"0.0.weight", "0.1.weight", "0.1.bias"}


def test_a_wholly_frozen_half_precision_network_is_pruned_in_float32() -> None:
    network, shape = built("plain")
    pruned = prune(network.half().requires_grad_(False), shape, 0.5)
    assert {value.dtype for value in pruned.parameters()} == {torch.float32}
    assert count_parameters(pruned) == 0


@pytest.mark.parametrize(
    ("network", "shape", "expected"),
    [
        (Rolled(with_more=True), (3, 8, 8), [8, 8, 6, 10]),
        (Shuffled(), (3, 8, 8), [8, 16, 4, 10]),
        (FixedView(), (3, 8, 8), [4, 6, 10]),
        (WithAttention(), (12, 10), [16, 16, 16, 16, 5]),
        (Scaled(), (3, 8, 8), [8, 3, 10]),
    ],
    ids=["roll", "channel shuffle", "fixed view", "attention", "bare parameter"],
)
def test_channels_that_cannot_go_cleanly_stay(
    network: nn.Module, shape: Shape, expected: list[int]
) -> None:
    assert list(widths(prune(network, shape, 0.5)).values()) == expected


class Raising(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        raise ValueError("no\nsuch shape")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.Linear(4, 2)), "no layer that can be pruned"),
        (nn.Sequential(nn.Linear(4, 1), nn.Linear(1, 2)), "no layer that can be pruned"),
        (nn.Sequential(nn.ReLU()), "no layer that can be pruned"),
        (nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 2)), "cannot be pruned by torch-pruning"),
        (Raising(), "cannot be pruned by torch-pruning: no"),
    ],
    ids=["only an output", "one channel", "no weights", "another shape", "raises"],
)
def test_a_network_that_cannot_be_pruned_is_refused_in_one_line(
    network: nn.Module, message: str
) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        prune(network, (4,), 0.5)
    assert "\n" not in str(caught.value)


def test_only_mixed_channels_is_refused_in_one_line() -> None:
    with pytest.raises(BadInput, match="mixes channels") as caught:
        prune(Rolled(with_more=False), (3, 8, 8), 0.5)
    assert "\n" not in str(caught.value)


def test_the_original_of_plain_is_not_shared() -> None:
    network = plain().eval()
    pruned = prune(network, (3, 8, 8), 0.5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for parameter in pruned.parameters():
        parameter.data.zero_()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
