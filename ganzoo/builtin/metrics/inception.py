"""The Inception network of December 2015, which the canonical FID, KID and Inception score read.

It is the graph ``inception-2015-12-05`` that TensorFlow's metrics download: an Inception v3
(arXiv:1512.00567) whose average pools do not count their padding, whose last block pools by the
maximum, and which has 1,008 logits. Its layers are named as in torch-fidelity's port, so that the
weights published for that fit; ``benchmarks/convert_inception.py`` rewrites them as safetensors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 299
CLASSES = 1008

Block = dict[str, str]
"""The layers of a block by name; see ``Mixed`` for what each reads."""


def block_35(pool: int) -> Block:
    """A block of 35 x 35 pixels."""
    return {
        "branch1x1": "64 1x1",
        "branch5x5_1": "48 1x1",
        "branch5x5_2": "64 5x5",
        "branch3x3dbl_1": "64 1x1",
        "branch3x3dbl_2": "96 3x3",
        "branch3x3dbl_3": "96 3x3",
        "pool": "mean",
        "branch_pool": f"{pool} 1x1",
    }


def block_17(inner: int) -> Block:
    """A block of 17 x 17 pixels."""
    return {
        "branch1x1": "192 1x1",
        "branch7x7_1": f"{inner} 1x1",
        "branch7x7_2": f"{inner} 1x7",
        "branch7x7_3": "192 7x1",
        "branch7x7dbl_1": f"{inner} 1x1",
        "branch7x7dbl_2": f"{inner} 7x1",
        "branch7x7dbl_3": f"{inner} 1x7",
        "branch7x7dbl_4": f"{inner} 7x1",
        "branch7x7dbl_5": "192 1x7",
        "pool": "mean",
        "branch_pool": "192 1x1",
    }


def block_8(pool: str) -> Block:
    """A block of 8 x 8 pixels."""
    return {
        "branch1x1": "320 1x1",
        "branch3x3_1": "384 1x1",
        "branch3x3_2a": "384 1x3",
        "branch3x3_2b": "384 3x1",
        "branch3x3dbl_1": "448 1x1",
        "branch3x3dbl_2": "384 3x3",
        "branch3x3dbl_3a": "384 1x3",
        "branch3x3dbl_3b": "384 3x1",
        "pool": pool,
        "branch_pool": "192 1x1",
    }


TO_17: Block = {
    "branch3x3": "384 3x3/2",
    "branch3x3dbl_1": "64 1x1",
    "branch3x3dbl_2": "96 3x3",
    "branch3x3dbl_3": "96 3x3/2",
    "pool": "max/2",
}

TO_8: Block = {
    "branch3x3_1": "192 1x1",
    "branch3x3_2": "320 3x3/2",
    "branch7x7x3_1": "192 1x1",
    "branch7x7x3_2": "192 1x7",
    "branch7x7x3_3": "192 7x1",
    "branch7x7x3_4": "192 3x3/2",
    "pool": "max/2",
}

STAGES: dict[str, dict[str, str | Block]] = {
    "64": {
        "Conv2d_1a_3x3": "32 3x3/2",
        "Conv2d_2a_3x3": "32 3x3 valid",
        "Conv2d_2b_3x3": "64 3x3",
        "MaxPool_1": "max/2",
    },
    "192": {
        "Conv2d_3b_1x1": "80 1x1",
        "Conv2d_4a_3x3": "192 3x3 valid",
        "MaxPool_2": "max/2",
    },
    "768": {
        "Mixed_5b": block_35(32),
        "Mixed_5c": block_35(64),
        "Mixed_5d": block_35(64),
        "Mixed_6a": TO_17,
        "Mixed_6b": block_17(128),
        "Mixed_6c": block_17(160),
        "Mixed_6d": block_17(160),
        "Mixed_6e": block_17(192),
    },
    "2048": {
        "Mixed_7a": TO_8,
        "Mixed_7b": block_8("mean"),
        "Mixed_7c": block_8("max"),
    },
}
"""The layers up to each feature; a feature is named by its width.

``64 1x7`` is a convolution to 64 channels with a kernel of 1 x 7, padded so that the image keeps
its size; ``valid`` convolutions and those of stride 2 (``/2``) are not padded.
"""

POOLS: dict[str, Callable[[], nn.Module]] = {
    "mean": lambda: nn.AvgPool2d(3, 1, padding=1, count_include_pad=False),
    "max": lambda: nn.MaxPool2d(3, 1, padding=1),
    "max/2": lambda: nn.MaxPool2d(3, 2),
}


class Convolution(nn.Module):
    """A convolution without bias, batch norm and a ReLU: (N, C, H, W) to (N, C', H', W')."""

    def __init__(self, width: int, kind: str) -> None:
        """Build it for ``width`` input channels; ``kind`` is written as in ``STAGES``."""
        super().__init__()
        found = re.fullmatch(r"(\d+) (\d)x(\d)(| valid|/2)", kind)
        assert found is not None
        self.width, high, wide = map(int, found.groups()[:3])
        padding = (0, 0) if found[4] else (high // 2, wide // 2)
        stride = 2 if found[4] == "/2" else 1
        self.conv = nn.Conv2d(width, self.width, (high, wide), stride, padding, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(self.width, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activations, which are never negative."""
        normed: Tensor = self.bn(self.conv(x))
        return normed.relu_()

    def fold(self) -> None:
        """Fold the batch norm, in its eval mode, into the convolution."""
        assert isinstance(self.bn, nn.BatchNorm2d)
        self.conv, self.bn = fuse_conv_bn_eval(self.conv, self.bn), nn.Identity()


class Mixed(nn.Module):
    """Parallel branches whose ends are concatenated in order: (N, C, H, W) to (N, C', H', W').

    ``branch_2`` reads ``branch_1``, as do the twins ``branch_2a`` and ``branch_2b``;
    ``branch_pool`` reads ``pool``; all others read the input of the block.
    """

    def __init__(self, width: int, block: Block) -> None:
        """Build it for ``width`` input channels."""
        super().__init__()
        self.sources = {name: source(name) for name in block}
        widths = {"": width}
        for name, kind in block.items():
            layer, widths[name] = built(widths[self.sources[name]], kind)
            self.add_module(name, layer)
        self.ends = [name for name in block if name not in self.sources.values()]
        self.width = sum(widths[name] for name in self.ends)

    def forward(self, x: Tensor) -> Tensor:
        """Return the concatenated ends of all branches."""
        made = {"": x}
        for name, read in self.sources.items():
            made[name] = getattr(self, name)(made[read])
        return torch.cat([made[name] for name in self.ends], 1)


def source(name: str) -> str:
    """The layer of the same block that a layer reads, or "" for the block's input."""
    if name == "branch_pool":
        return "pool"
    branch, _, number = name.rstrip("ab").rpartition("_")
    return f"{branch}_{int(number) - 1}" if number in {"2", "3", "4", "5"} else ""


def built(width: int, kind: str | Block) -> tuple[nn.Module, int]:
    """A layer for ``width`` input channels, and its number of output channels."""
    if isinstance(kind, str) and kind in POOLS:
        return POOLS[kind](), width
    layer = Convolution(width, kind) if isinstance(kind, str) else Mixed(width, kind)
    return layer, layer.width


class Inception2015(nn.Module):
    """The network: features of four widths, and logits with and without their bias."""

    def __init__(self) -> None:
        """Build it with random weights."""
        super().__init__()
        width = 3
        for stage in STAGES.values():
            for name, kind in stage.items():
                layer, width = built(width, kind)
                self.add_module(name, layer)
        self.fc = nn.Linear(width, CLASSES)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images of 0 to 255, (N, 3, H, W) of any dtype and size, to float32 values by name.

        ``64``, ``192``, ``768`` and ``2048`` are means over pixels, (N, 64) and so on, never
        negative; ``logits`` and ``logits_unbiased``, for the Inception score, are (N, 1008).
        """
        x = (resized(images.float(), SIDE) - 128) / 128
        found = {}
        for feature, stage in STAGES.items():
            for name in stage:
                x = getattr(self, name)(x)
            found[feature] = x.mean((2, 3))
        logits = found["2048"] @ self.fc.weight.T
        return {**found, "logits_unbiased": logits, "logits": logits + self.fc.bias}


def resized(images: Tensor, side: int) -> Tensor:
    """Images, float32, (N, C, side, side), as TensorFlow 1's ``resize_bilinear`` makes them.

    It aligns neither corners nor centers: output pixel i is read at i * size / side. Shrinking does
    not smooth.
    """
    for dim in (3, 2):
        size = images.shape[dim]
        at = torch.arange(side, dtype=torch.float32, device=images.device)
        at = at * torch.tensor(size / side, dtype=torch.float32)
        low = at.long()
        near = images.index_select(dim, low)
        far = images.index_select(dim, (low + 1).clamp(max=size - 1))
        share = (at - low).view(-1, *[1] * (3 - dim))
        images = near + (far - near) * share
    return images
