"""What methods of parts return, held against what it must be; behind this the engine trusts it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ganzoo.errors import ComposeError, ZooError, first_line, in_words, quoted
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.parts.part import Sampler


@contextmanager
def worded(failing: str) -> Iterator[None]:
    """Raise what a part's method raises as a ComposeError: what it was doing, and the reason."""
    try:
        yield
    except ZooError:
        raise
    except Exception as error:
        message = f"{failing}: {first_line(error)}"
        raise ComposeError(message) from error


def is_plain(value: object) -> TypeGuard[Tensor]:
    """Whether a value is a tensor that every operation takes: dense, and of real numbers."""
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and not value.is_complex()
        and not value.is_nested
        and not value.is_quantized
    )


def kind_of(value: object) -> str:
    """What was returned, in a sentence: ``None``, ``a dict``, ``a tensor of shape (8, 8)``."""
    if not isinstance(value, Tensor):
        return in_words(value)
    if value.is_complex() or value.is_quantized or value.is_nested:
        what = "complex" if value.is_complex() else "quantized" if value.is_quantized else "nested"
        return f"a {what} tensor"
    if value.layout is not torch.strided:
        return f"a tensor of the layout {str(value.layout).removeprefix('torch.')}"
    return f"a tensor of shape {tuple(value.shape)}"


def spaces_of(sampler: Sampler, data: Mapping[str, Space]) -> dict[str, Space]:
    """The spaces of what a sampler deals. Raises ComposeError where it says something else."""
    who = f"sampler '{sampler.name}'"
    with worded(f"{who} cannot say the spaces of what it deals"):
        found: object = sampler.spaces(data)
    if not isinstance(found, Mapping):
        message = f"{who} returns {in_words(found)} as its spaces; they must be a dict by name."
        raise ComposeError(message)
    for name, space in found.items():
        if not isinstance(name, str) or not isinstance(space, Space):
            message = (
                f"{who} returns {in_words(space)} as the space of {quoted(name)}; it must be a "
                "ganzoo.Space, under a name."
            )
            raise ComposeError(message)
    return {**found}


def check_parameters(net: nn.Module, who: str) -> None:
    """Refuse a network that could not be trained, saved or copied, for its tensors' kind."""
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    for name, tensor in tensors.items():
        trained = tensor.requires_grad
        what = None
        if is_lazy(tensor):
            what = "has no shape before it first runs; build it from the spaces"
        elif tensor.is_meta:
            what = "is on the device 'meta', without values; build it on the CPU"
        elif tensor.layout is not torch.strided:
            what = f"has the layout {str(tensor.layout).removeprefix('torch.')}; make it dense"
        elif trained and tensor.is_complex():
            what = "is complex; keep its real and imaginary parts as two"
        elif trained and not bool(tensor.isfinite().all()):
            what = "is not finite before training"
        if what is not None:
            message = f"{who} has a tensor '{name}' that {what}."
            raise ComposeError(message)


def check_optimizer(
    optimizer: object, params: list[nn.Parameter], who: str
) -> torch.optim.Optimizer:
    """An optimizer of exactly a player's parameters. Raises ComposeError for another."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        message = f"{who} builds {in_words(optimizer)}; it must be a torch.optim.Optimizer."
        raise ComposeError(message)
    held = [id(param) for group in optimizer.param_groups for param in group["params"]]
    own = {id(param) for param in params}
    if strange := len({*held} - own):
        number = f"{strange} parameter{'s' * (strange > 1)}"
        message = f"{who} also has {number} of somebody else; it must have those that it is given."
        raise ComposeError(message)
    if len(held) < len(own):
        message = (
            f"{who} leaves out {len(own) - len(held)} of its {len(own)} parameters; those that "
            "are not to be trained must not require gradients."
        )
        raise ComposeError(message)
    return optimizer


def check_latent(sampler: Sampler, spaces: Mapping[str, Space], device: torch.device) -> None:
    """Refuse a sampler whose latent draws are not tensors by name, as long as was asked for."""
    n, who = 2, f"sampler '{sampler.name}'"
    with worded(f"{who} fails to draw a latent"):
        try:
            drawn: object = sampler.latent(n, spaces, torch.Generator(device))
        except NotImplementedError:  # it makes samples in another way
            return
    check_batch(drawn, n, f"{who} draws", "latent", device)
    assert isinstance(drawn, Mapping)
    for name, value in drawn.items():
        check_space(name, value, spaces.get(name), f"{who} draws")


def check_batch(
    values: object, n: int, who: str, what: str, device: torch.device | None = None
) -> None:
    """Refuse what is no dict of tensors by name, (n, ...); a sentence begins with ``who``."""
    if not isinstance(values, Mapping):
        message = f"{who} {kind_of(values)} as {what}; it must be a dict of tensors by name."
        raise ComposeError(message)
    for name, value in values.items():
        if not isinstance(name, str):
            message = f"{who} a value under the name {quoted(name)}, which must be a text."
            raise ComposeError(message)
        if not is_plain(value) or value.shape[:1] != (n,):
            message = (
                f"{who} {kind_of(value)} as '{name}'; it must be a tensor of shape ({n}, ...)."
            )
            raise ComposeError(message)
        if device is not None and value.device.type != device.type:
            message = f"{who} '{name}' on the device '{value.device}'; it must be on '{device}'."
            raise ComposeError(message)


def check_space(name: str, value: Tensor, space: Space | None, who: str) -> None:
    """Refuse a value of a batch that is not in its space."""
    if space is None:
        return
    shape = () if space.classes is not None else space.shape
    if tuple(value.shape[1:]) != shape:
        message = (
            f"{who} '{name}' of shape {tuple(value.shape)}; its space makes it "
            f"{(len(value), *shape)}."
        )
        raise ComposeError(message)
    if (wrong := space.outside(value)) is not None:
        message = f"{who} the {name} {wrong}; there are {space.domain}."
        raise ComposeError(message)


def check_finite(value: Tensor, what: str) -> None:
    """Refuse numbers that are infinite or none; ``what`` is before the words "are not finite"."""
    if not bool(value.isfinite().all()):
        message = f"{what} are not finite before anything is trained."
        raise ComposeError(message)
