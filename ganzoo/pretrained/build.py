"""The network of a weight file, built and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.engine.build import Network, built
from ganzoo.engine.streams import DefaultRandom
from ganzoo.errors import OptionError, UnknownNameError, WeightsError, ZooError
from ganzoo.storage.weight_file import Config, Uninitialized, difference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo


def network(config: Config, tensors: Mapping[str, Tensor], zoo: Zoo, who: str) -> Network:
    """Build the network of a weight file, in eval mode and without gradients.

    The names, dtypes and shapes of ``tensors`` must be those of the network, and its parameters
    finite. Raises WeightsError, in which ``who`` names the file, if they are not or the network
    cannot be built; UnknownNameError or OptionError, if this zoo lacks what the file asks for.
    """
    try:
        variant: Variant = zoo.variant(config.variant)
    except (UnknownNameError, OptionError) as error:
        message = f"{who} cannot be built here: {error}"
        raise type(error)(message) from error
    try:
        spaces = {**config.spaces, **variant.sampler.spaces(config.spaces)}
        # On the meta device nothing is allocated: however large the network that a config asks for,
        # it costs no memory before it is known to fit the file.
        with torch.device("meta"), Uninitialized():
            made = built(variant, config.player, spaces)
    except ZooError as error:
        message = f"{who} holds a network that cannot be built here: {error}"
        raise WeightsError(message) from error
    unlike = difference(made.net.state_dict(), tensors)
    if unlike is not None:
        message = f"{who} does not hold the network that it describes: {unlike}."
        raise WeightsError(message)
    for name, _ in made.net.named_parameters():
        if not tensors[name].isfinite().all():
            message = f"{who} cannot be used: '{name}' is not finite."
            raise WeightsError(message)
    shared = shares_memory(made.net)
    made.net.load_state_dict(tensors, strict=True, assign=True)
    if shared or any(map(has_no_memory, made.net.modules())):
        # It holds tensors that no file does: constants, and buffers that are not persistent. Or the
        # file's tensors, each with its own memory, have untied what the network ties.
        with DefaultRandom(torch.device("cpu")).leased():  # what it draws is replaced, or constant
            made = built(variant, config.player, spaces)
        made.net.load_state_dict(tensors, strict=True)
    if spaces["real"].is_image:
        # As in training: samples are then equal to the run's bit for bit, not only nearly.
        made.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    made.net.eval().requires_grad_(requires_grad=False)
    return made


def has_no_memory(module: nn.Module) -> bool:
    """Whether a module holds a tensor of the meta device."""
    own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    tensors = [*own, *(value for value in vars(module).values() if isinstance(value, Tensor))]
    return any(tensor.is_meta for tensor in tensors)


def shares_memory(net: nn.Module) -> bool:
    """Whether a network has tied weights, or buffers that are views."""
    names = [name for name, _ in net.named_parameters(remove_duplicate=False)]
    return len(names) > len(list(net.parameters())) or any(
        buffer._is_view()  # noqa: SLF001  (torch has no public name for it)
        for buffer in net.buffers()
    )
