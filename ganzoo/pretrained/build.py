"""The network of a weight file, built and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ganzoo.engine.build import build
from ganzoo.errors import WeightsError, ZooError
from ganzoo.storage.weight_file import Config, Uninitialized, difference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo


def network(config: Config, tensors: Mapping[str, Tensor], zoo: Zoo, who: str) -> nn.Module:
    """The network of a weight file, in eval mode.

    It is first built without memory, so that a config cannot ask for more than its file holds; then
    every name, dtype and shape must be the file's. Raises WeightsError where one is not.
    """
    variant: Variant = zoo.variant(config.variant)
    try:
        spaces = {**config.spaces, **variant.sampler.spaces(config.spaces)}
        with torch.device("meta"), Uninitialized():
            net = build(variant.architecture, config.player, spaces)
            for regularizer in variant.regularizers:
                regularizer.attach(net, config.player)
    except ZooError as error:
        message = f"{who} holds a network that cannot be built here: {error}"
        raise WeightsError(message) from error
    unlike = difference(net.state_dict(), tensors)
    if unlike is not None:
        message = f"{who} does not hold the network that it describes: {unlike}."
        raise WeightsError(message)
    net.load_state_dict(tensors, strict=True, assign=True)
    if spaces["real"].is_image:
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval().requires_grad_(requires_grad=False)
