"""The transposed convolution that ends a generator, made fast for sampling on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d

FEW = 16
"""Up to so many samples, torch may choose another kernel, whose sums have another order."""


class ToPixels(nn.ConvTranspose2d):
    """A transposed convolution to the few channels of an image.

    A CPU's kernels compute 16 output channels at once, of which an image needs one or three. So for
    samples the columns of the weights become channels: a convolution along the height gives what
    each column adds, and these are laid over each other along the width. It is the same arithmetic,
    three times as fast, and with oneDNN on AVX-512 it has the same bits.
    """

    bias: nn.Parameter

    def __init__(
        self,
        into: int,
        out: int,
        kernel: int,
        *,
        padding: tuple[int, int],
        output_padding: tuple[int, int],
    ) -> None:
        """As ``nn.ConvTranspose2d``, of stride 2 and with a bias."""
        super().__init__(into, out, kernel, 2, padding, output_padding)
        self.cut, self.further = padding, output_padding

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(N, into, H, W) to (N, out, H', W')."""
        sampling = not (self.training or torch.is_grad_enabled() or output_size)
        usual = x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        if sampling and usual and len(x) > FEW:
            return self._by_columns(x)
        return super().forward(x, output_size)

    def _by_columns(self, x: Tensor) -> Tensor:
        (top, left), (below, right) = self.cut, self.further
        into, out, kernel, columns = self.weight.shape
        weight = self.weight.transpose(2, 3).reshape(into, out * columns, kernel, 1)
        parts = conv_transpose2d(x, weight, None, (2, 1), (top, 0), (below, 0))
        parts = parts.view(len(x), out, columns, *parts.shape[2:])
        reach = (x.shape[3] - 1) * 2 + 1
        width = reach + columns - 1 + right
        total = parts.new_zeros(len(x), out, parts.shape[3], width)
        for column in range(columns):
            total[..., column : column + reach : 2] += parts[:, :, column]
        made: Tensor = total[..., left : width - left] + self.bias[:, None, None]
        return made
