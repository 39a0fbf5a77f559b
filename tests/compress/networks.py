"""Networks whose channels hang together in different ways: random weights, real statistics."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

Shape = tuple[int, ...]


def block(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def plain() -> nn.Module:
    """Convolutions, a flatten into a linear layer."""
    return nn.Sequential(
        block(3, 8),
        block(8, 12, stride=2),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(48, 20),
        nn.ReLU(),
        nn.Linear(20, 10),
    )


def separable() -> nn.Module:
    """Depthwise convolutions between convolutions of one pixel."""
    return nn.Sequential(
        block(3, 16, stride=2),
        block(16, 16, groups=16),
        block(16, 24, kernel=1),
        block(24, 24, groups=24),
        block(24, 32, kernel=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def autoencoder() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in ((64, 32), (32, 8), (8, 32)):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(32, 64))


class Residual(nn.Module):
    """Blocks whose outputs are added to their inputs; a projection, or padding as in option A."""

    def __init__(self, padded: bool = False) -> None:
        super().__init__()
        self.stem = block(3, 8)
        self.first = nn.Sequential(block(8, 12), block(12, 8))
        self.second = nn.Sequential(block(8, 16, stride=2), block(16, 16))
        self.shortcut = None if padded else nn.Conv2d(8, 16, 1, stride=2)
        self.head = nn.Linear(16, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        stem = self.stem(images)
        first = stem + self.first(stem)
        if self.shortcut is None:
            shortcut = functional.pad(first[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4))
        else:
            shortcut = self.shortcut(first)
        return self.head((shortcut + self.second(first)).mean((2, 3)))  # type: ignore[no-any-return]


class Joined(nn.Module):
    """Two branches, concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = block(3, 8), block(3, 12)
        self.after = block(20, 16)
        self.head = nn.Linear(16, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        joined = torch.cat([self.left(images), self.right(images)], 1)
        return self.head(self.after(joined).mean((2, 3)))  # type: ignore[no-any-return]


class Uncommon(nn.Module):
    """Grouped and transposed convolutions, group norm, PReLU, a gate on channels, layer norm."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = block(3, 16)
        self.grouped = block(16, 24, groups=4)
        self.norm = nn.GroupNorm(2, 24)
        self.gate = nn.Linear(24, 24)
        self.larger = nn.ConvTranspose2d(24, 12, 2, stride=2)
        self.prelu = nn.PReLU(12)
        self.layer_norm = nn.LayerNorm(12)
        self.head = nn.Linear(12, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        grouped = self.norm(self.grouped(self.stem(images)))
        gate = torch.sigmoid(self.gate(grouped.mean((2, 3))))
        larger = self.prelu(self.larger(grouped * gate[:, :, None, None]))
        return self.head(self.layer_norm(larger.mean((2, 3))))  # type: ignore[no-any-return]


def sequence() -> nn.Module:
    """One-dimensional, with instance norm."""
    return nn.Sequential(
        nn.Conv1d(2, 8, 3),
        nn.InstanceNorm1d(8, affine=True),
        nn.ReLU(),
        nn.Conv1d(8, 6, 3),
        nn.Flatten(),
        nn.Linear(72, 4),
    )


class Pooled(nn.Module):
    """The classes are the channels of the last convolutions, behind a sum and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = block(3, 8)
        self.one, self.other = nn.Conv2d(8, 10, 1), nn.Conv2d(8, 10, 3, padding=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        stem = self.stem(images)
        return (self.one(stem) + self.other(stem)).mean((2, 3)).softmax(1)  # type: ignore[no-any-return]


class Rolled(nn.Module):
    """Adds channels to their neighbours, which a graph of layers does not show."""

    def __init__(self, with_more: bool) -> None:
        super().__init__()
        self.stem, self.mixed = block(3, 8), block(8, 8)
        self.more = block(8, 12) if with_more else nn.Identity()
        self.head = nn.Linear(12 if with_more else 8, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        stem = self.stem(images)
        rolled = self.mixed(stem) + stem.roll(1, 1)
        return self.head(self.more(rolled).mean((2, 3)))  # type: ignore[no-any-return]


class Shuffled(nn.Module):
    """A channel shuffle between grouped convolutions, as in ShuffleNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.grouped, self.after = block(3, 16), block(16, 16, groups=2), block(16, 8)
        self.head = nn.Linear(8, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        grouped = self.grouped(self.stem(images))
        n, _, height, width = grouped.shape
        mixed = grouped.view(n, 2, 8, height, width).transpose(1, 2).reshape(n, 16, height, width)
        return self.head(self.after(mixed).mean((2, 3)))  # type: ignore[no-any-return]


class FixedView(nn.Module):
    """Code that names the width of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = block(3, 8), block(8, 6)
        self.head = nn.Linear(6 * 64, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.first(images)).view(-1, 6 * 64))  # type: ignore[no-any-return]


class WithAttention(nn.Module):
    """A transformer block with positions in a bare parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(10, 16)
        self.positions = nn.Parameter(torch.randn(1, 12, 16))
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(self.embed(tokens) + self.positions).mean(1))  # type: ignore[no-any-return]


class Scaled(nn.Module):
    """A scale for each channel in a bare parameter, which no layer's sizes could tell."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = block(3, 8), block(8, 6)
        self.scale = nn.Parameter(torch.ones(8, 1, 1))
        self.head = nn.Linear(6, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.scale * self.first(images)).mean((2, 3)))  # type: ignore[no-any-return]


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Shape]] = {
    "plain": (plain, (3, 8, 8)),
    "separable": (separable, (3, 8, 8)),
    "autoencoder": (autoencoder, (64,)),
    "residual": (Residual, (3, 8, 8)),
    "option A": (lambda: Residual(padded=True), (3, 8, 8)),
    "joined": (Joined, (3, 8, 8)),
    "uncommon": (Uncommon, (3, 8, 8)),
    "sequence": (sequence, (2, 16)),
}


def with_statistics(network: nn.Module, shape: Shape) -> nn.Module:
    """Let batch norms see samples and give them weights, so that their channels differ."""
    torch.set_num_threads(1)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(16, *shape))
    return network.eval()


def built(name: str) -> tuple[nn.Module, Shape]:
    """A network by name, always the same one, and the shape of its samples."""
    torch.manual_seed(0)
    build, shape = NETWORKS[name]
    return with_statistics(build(), shape), shape


def outputs(network: nn.Module, shape: Shape, n: int = 8) -> torch.Tensor:
    """What a network gives to seeded random samples."""
    inputs = torch.randn(n, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return network.eval()(inputs)  # type: ignore[no-any-return]


def widths(network: nn.Module) -> dict[str, int]:
    """Output channels of each convolution and linear layer."""
    return {
        path: module.out_features if isinstance(module, nn.Linear) else module.out_channels
        for path, module in network.named_modules()
        if isinstance(module, nn.Linear | nn.modules.conv._ConvNd)
    }
