"""Whatever parts are installed train together or are refused in a sentence."""

from __future__ import annotations

from contextlib import suppress
from itertools import combinations
from typing import TYPE_CHECKING, Any

import torch
from ganzoo_vanilla import Mlp
from small import images, points, variant_of

from ganzoo.builtin.losses import NonSaturating
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError, DataError
from ganzoo.parts.part import Loss, Part, Regularizer

if TYPE_CHECKING:
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo

SMALL = Mlp(width=8, depth=1)


SIZES = {
    "width": 8,
    "hidden": 8,
    "units": 8,
    "dim": 4,
    "noise": 4,
    "envs": 2,
    "steps": 8,
    "epochs": 1,
    "updates": 1,
    "horizon": "task",
}
"""Options of parts that cost time, and values that cost little."""


def small(part: Part) -> Any:
    """A part with few units."""
    return part.model_copy(update={n: SIZES[n] for n in SIZES.keys() & type(part).model_fields})


def with_part(variant: Variant, part: Part) -> Variant:
    """A variant with a part in place of its own of that kind."""
    if isinstance(part, Regularizer):
        return variant.model_copy(update={"regularizers": (part,)})
    if isinstance(part, Loss) and variant.generator_loss is not None:
        player = "loss" if hasattr(part, "discriminator") else "generator_loss"
        return variant.model_copy(update={player: part})
    return variant.model_copy(update={part.kind: part})


def homes(zoo: Zoo) -> dict[Part, list[tuple[Variant, list[Data]]]]:
    """Where each part that is installed is put: variants that have it, on small data or their own.

    A part that no variant has is put into a plain one.
    """
    found: dict[Part, list[tuple[Variant, list[Data]]]] = {}
    for variant in zoo.variants.values():
        fewer = variant.model_copy(update={"batch": 4})
        for part in variant.parts():
            fewer = with_part(fewer, small(part)) if part.kind != "regularizer" else fewer
        data = [points(), images()]
        if not any(trains(fewer, rows) for rows in data):
            with suppress(DataError):
                data = [small(zoo.dataset(variant.data)).load()]
        for part in fewer.parts():
            found.setdefault(part, []).append((fewer, data))
    known = {part.name for part in found}
    plain = variant_of(SMALL, loss=NonSaturating(), batch=4)
    for kind in ("architecture", "loss", "regularizer", "sampler"):
        for cls in zoo.parts(kind).values():
            if cls.name not in known:
                part = small(cls())
                found[part] = [(with_part(plain, part), [points(), images()])]
    return found


def trains(variant: Variant, data: Data) -> bool:
    """Whether two rounds are played, all of them finite; else the refusal names a part."""
    try:
        game = Game(variant, data)
    except ComposeError as error:
        named = [said for p in variant.parts() for said in (f"'{p.name}'", f"{p.name}.")]
        assert any(said in str(error) for said in named), error  # noqa: PT017
        return False
    for _ in range(2):
        for terms in game.round().values():
            assert all(bool(torch.isfinite(term)) for term in terms.values()), variant
    assert game.is_finite(), variant
    return True


def test_every_two_parts_that_are_installed_train_together_or_say_why_not(zoo: Zoo) -> None:
    """Each is put where the other is at home; two that have trained together are not tried again.

    A refusal is a ComposeError that names a part; each part trains with some other.
    """
    together: set[frozenset[str]] = set()
    at_home = homes(zoo)
    for (one, its), (other, others) in combinations(at_home.items(), 2):
        if one.kind == other.kind:
            continue
        tried = [(with_part(v, other), data) for v, data in its]
        tried += [(with_part(v, one), data) for v, data in others]
        for variant, rows in [(v, rows) for v, data in tried for rows in data]:
            if frozenset((one.name, other.name)) in together:
                break
            if trains(variant, rows):
                names = [part.name for part in variant.parts()]
                together |= {frozenset(pair) for pair in combinations(names, 2)}
    assert {part.name for part in at_home} == {name for pair in together for name in pair}
