"""Building blocks for the networks of any plugin: MLPs, and convolutions for images of any size."""

from ganzoo.builtin.networks.conv_or_mlp import ConvOrMlp
from ganzoo.builtin.networks.convolution import (
    ByUnit,
    Upsampler,
    channel_counts,
    cropping,
    downsampler,
    halving,
    pyramid,
)
from ganzoo.builtin.networks.mlp import (
    MlpGenerator,
    Scorer,
    leaky,
    mlp,
    mlp_features,
    mlp_scorer,
    squash,
)

__all__ = [
    "ByUnit",
    "ConvOrMlp",
    "MlpGenerator",
    "Scorer",
    "Upsampler",
    "channel_counts",
    "cropping",
    "downsampler",
    "halving",
    "leaky",
    "mlp",
    "mlp_features",
    "mlp_scorer",
    "pyramid",
    "squash",
]
