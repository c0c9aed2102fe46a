"""Compositions to check a part in: with its plugin's own parts and data, and with plain ones."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.networks import MlpGenerator, mlp_scorer
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError, DataError
from ganzoo.parts.dataset import Data
from ganzoo.parts.part import Architecture, Part
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import nn

    from ganzoo.parts.dataset import Dataset

ROWS, CLASSES, BATCH = 32, 3, 8
PLAYED = ("architecture", "loss", "regularizer", "sampler", "optimizer")
"""The kinds of part that take part in training; of the others only the form is checked."""


class Plain(Architecture):
    """A small MLP pair that any loss, penalty or sampler fits: no batch norm, no labels read."""

    def generator(self, z: Space, real: Space) -> nn.Module:
        """``z`` to a sample, (N, *real.shape)."""
        return MlpGenerator(z.size, [16], real)

    def discriminator(self, real: Space) -> nn.Module:
        """A sample to its score, (N,)."""
        return mlp_scorer(real, [16])


def tiny(*shape: int, classes: int | None = None) -> Data:
    """Noise of a shape: uint8 for an image, else float32; labelled if ``classes`` is given."""
    stream = torch.Generator().manual_seed(0)
    spaces = {"real": Space(shape=shape)}
    columns = {"real": torch.randn(ROWS, *shape, generator=stream)}
    if spaces["real"].is_image:
        spaces["real"] = Space(shape=shape, bounded=True)
        columns["real"] = (columns["real"] * 64 + 128).clamp(0, 255).byte()
    if classes is not None:
        spaces["label"] = Space(classes=classes)
        columns["label"] = torch.arange(ROWS) % classes
    rows = ResidentRows(columns)
    name = f"noise of {spaces['real']}" + (" with labels" if classes else "")
    return Data(name, rows, rows, spaces)


def own_data(datasets: Iterable[type[Dataset]]) -> list[Data]:
    """The first of a plugin's datasets whose files are present: its parts may fit no other data."""
    for cls in datasets:
        with suppress(DataError):
            if not any(option.is_required() for option in cls.model_fields.values()):
                return [cls().load()]
    return []


def variants_of(part: Part, own: dict[str, list[Any]]) -> Iterator[Variant]:
    """The part among plain ones, then with its plugin's parts, then in its plugin's own variants.

    Plain ones first, so that a failure is the part's own and not that of its kin.
    """
    alone = {part.kind: [part]}
    architectures = alone.get("architecture", [Plain(), *own["architecture"]])
    samplers = alone.get("sampler", [Gaussian(dim=4), *own["sampler"]])
    for architecture, sampler, game in product(architectures, samplers, objectives(part, own)):
        yield Variant(name="check", architecture=architecture, sampler=sampler, batch=BATCH, **game)
    for variant in own.get("variant", []):
        if type(part) in map(type, variant.parts()):
            small = {"batch": BATCH, "ema": None, "ema_half_life": None}
            placed = {part.kind: part} if part.kind in {"architecture", "loss", "sampler"} else {}
            if part.kind == "loss" and not isinstance(variant.loss, type(part)):
                placed = {}
            yield variant.model_copy(update={**small, **placed})


def objectives(part: Part, own: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """The losses, regularizers and turns to try the part with.

    A loss for one player is completed by non-saturating; one for the generator alone is also tried
    without a discriminator, as behaviour cloning is.
    """
    usual = NonSaturating()
    losses = [part] if part.kind == "loss" else [usual, *own["loss"]]
    others = {"regularizers": (part,) if part.kind == "regularizer" else ()}
    if part.kind == "optimizer":
        yield {"loss": usual, "optimizers": {"discriminator": part, "generator": part}}
        return
    for loss in losses:
        if not hasattr(loss, "discriminator"):
            yield {"loss": usual, "generator_loss": loss, **others}
            yield {"loss": loss, "turns": (("generator", 1),), **others}
        elif not hasattr(loss, "generator"):
            yield {"loss": loss, "generator_loss": usual, **others}
        else:
            yield {"loss": loss, **others}


def fitting(
    who: str, variants: Iterable[Variant], own: list[Data]
) -> Iterator[tuple[Variant, Data]]:
    """Each variant and data that compose; AssertionError if none do, with the last refusal."""
    kinds = [
        tiny(1, 8, 8),
        tiny(3, 16, 16, classes=CLASSES),
        tiny(2),
        tiny(2, classes=CLASSES),
        *own,
    ]
    refusal, found = "", False
    for variant, data in product(variants, kinds):
        try:
            Game(variant, data)
        except ComposeError as error:
            refusal = str(error)
            continue
        found = True
        yield variant, data
    end = "" if refusal.endswith((".", "?")) else "."
    assert found, f"{who} composes with nothing: {refusal}{end}"
