from __future__ import annotations

import copy
import gc
import weakref

import pytest
import torch
from torch import nn

from edgekd.distill.taps import Tapped
from edgekd.errors import BadInput


class Attention(nn.Module):
    """Gives what it computes and how it weighed it, as attention layers do."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        weights = (self.query(tokens) @ self.key(tokens).transpose(1, 2)).softmax(dim=-1)
        return weights @ tokens, weights


class Fields(nn.Module):
    """Gives a dict with a tuple inside."""

    def forward(self, tokens: torch.Tensor) -> dict[str, object]:
        return {"double": 2 * tokens, "states": (tokens, 3 * tokens)}


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(4, 6), nn.GELU())
        self.attention = Attention(6)
        self.fields = Fields()
        self.twice = nn.LayerNorm(6)
        self.unused = nn.Linear(6, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        tokens, _ = self.attention(self.stem(inputs))
        self.fields(tokens)
        logits: torch.Tensor = self.head(self.twice(self.twice(tokens)).mean(dim=1))
        return logits


class GivesPair(nn.Module):
    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return inputs, inputs


def inputs() -> torch.Tensor:
    return torch.randn(5, 7, 4)


def hooks(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in network.modules())


def test_sees_what_the_modules_gave() -> None:
    network, batch = Network(), inputs()
    seen = Tapped(network, ["stem.0", "attention[0]", "attention[1]"])(batch)
    stem = network.stem[0](batch)
    tokens, weights = network.attention(network.stem(batch))
    assert list(seen.taps) == ["stem.0", "attention[0]", "attention[1]"]
    torch.testing.assert_close(seen.taps["stem.0"], stem)
    torch.testing.assert_close(seen.taps["attention[0]"], tokens)
    torch.testing.assert_close(seen.taps["attention[1]"], weights)
    torch.testing.assert_close(seen.logits, network(batch))


@pytest.mark.parametrize(
    ("tap", "factor"), [("fields[double]", 2), ("fields[states][1]", 3), ("fields[states][-2]", 1)]
)
def test_keys_reach_into_what_a_module_gives(tap: str, factor: int) -> None:
    seen = Tapped(Network(), [tap, "attention[0]"])(inputs())
    torch.testing.assert_close(seen.taps[tap], factor * seen.taps["attention[0]"])


def test_gradients_flow_through_a_tap() -> None:
    network = Network()
    Tapped(network, ["attention[1]"])(inputs()).taps["attention[1]"].square().sum().backward()
    assert network.attention.query.weight.grad is not None
    assert network.head.weight.grad is None


def test_works_in_eval_mode_and_without_gradients() -> None:
    tapped = Tapped(Network(), ["stem"]).eval()
    with torch.inference_mode():
        assert tapped(inputs()).taps["stem"].shape == (5, 7, 6)


def test_the_network_stays_as_it_was() -> None:
    network = Network()
    names = list(network.state_dict())
    tapped = Tapped(network, ["stem", "head"])
    tapped(inputs())
    assert tapped.network is network
    assert list(tapped.network.state_dict()) == names
    assert hooks(network) == 0


def test_no_hook_is_left_when_the_network_fails() -> None:
    network = Network()
    with pytest.raises(RuntimeError, match="shapes"):
        Tapped(network, ["stem"])(torch.randn(5, 7, 9))
    assert hooks(network) == 0


def test_a_copy_sees_itself() -> None:
    tapped = Tapped(Network(), ["stem.0"])
    other = copy.deepcopy(tapped)
    nn.init.zeros_(other.network.stem[0].weight)
    nn.init.ones_(other.network.stem[0].bias)
    batch = inputs()
    torch.testing.assert_close(other(batch).taps["stem.0"], torch.ones(5, 7, 6))
    torch.testing.assert_close(tapped(batch).taps["stem.0"], tapped.network.stem[0](batch))


def test_no_feature_outlives_what_was_seen() -> None:
    tapped = Tapped(Network(), ["stem"])
    seen = tapped(inputs())
    feature = weakref.ref(seen.taps["stem"])
    assert feature() is not None
    del seen
    gc.collect()
    assert feature() is None


def test_without_taps_no_hook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    network, batch = Network(), inputs()
    monkeypatch.delattr(nn.Module, "register_forward_hook")
    seen = Tapped(network, [])(batch)
    assert seen.taps == {}
    torch.testing.assert_close(seen.logits, network(batch))


def test_wrapped_for_several_processes() -> None:
    """DDP finds the parameters behind a tap, and averages their gradients."""
    from torch import distributed

    network, batch = Network(), inputs()
    tapped = Tapped(network, ["attention[1]"])
    expected = tapped(batch).taps["attention[1]"]
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        wrapped = nn.parallel.DistributedDataParallel(tapped, find_unused_parameters=True)
        for _ in range(2):
            seen = wrapped(batch)
            torch.testing.assert_close(seen.taps["attention[1]"], expected)
            (seen.logits.sum() + seen.taps["attention[1]"].square().sum()).backward()
        assert network.attention.query.weight.grad is not None
    finally:
        distributed.destroy_process_group()


def test_a_wrong_path_lists_the_near_ones() -> None:
    with pytest.raises(BadInput, match=r"no module 'atention.query'.*attention\.query") as error:
        Tapped(Network(), ["atention.query"])
    assert error.value.mend.count(",") == 4


@pytest.mark.parametrize(
    ("tap", "message"),
    [
        ("unused", "'unused' did not run"),
        ("twice", "'twice' ran 2 times"),
        ("attention", r"tuple of 2, not a tensor .*attention\[0\]"),
        ("attention[2]", r"finds no \[2\] in tuple of 2"),
        ("fields[triple]", r"no \[triple\] in dict with the keys double, states"),
        ("fields[states]", "tuple of 2, not a tensor"),
        ("stem[0]", r"finds no \[0\] in Tensor"),
    ],
)
def test_a_tap_that_gives_no_tensor_is_refused(tap: str, message: str) -> None:
    tapped = Tapped(Network(), [tap])
    with pytest.raises(BadInput, match=message):
        tapped(inputs())


@pytest.mark.parametrize("tap", ["stem[", "stem]0[", "stem[]", "stem[0]x"])
def test_a_tap_that_cannot_be_read_is_refused(tap: str) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        Tapped(Network(), [tap])


def test_a_network_must_give_one_tensor() -> None:
    with pytest.raises(BadInput, match="gives tuple of 2, not a tensor of logits"):
        Tapped(GivesPair(), [])(inputs())
