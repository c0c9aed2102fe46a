"""Building blocks for the networks of any plugin: MLPs, convolutions, and what reads a label."""

from ganzoo.builtin.networks.conditional import ConditionalBatchNorm, Projection, classes_of
from ganzoo.builtin.networks.conv_or_mlp import ConvOrMlp
from ganzoo.builtin.networks.convolution import (
    ByUnit,
    Upsampler,
    channel_counts,
    check_size,
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
    "ConditionalBatchNorm",
    "ConvOrMlp",
    "MlpGenerator",
    "Projection",
    "Scorer",
    "Upsampler",
    "channel_counts",
    "check_size",
    "classes_of",
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
