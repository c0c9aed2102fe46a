"""The numbers of a round that change, kept on the device, where a graph reads them anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ganzoo.engine.average import share_at
from ganzoo.parts.part import GENERATOR
from ganzoo.parts.schedule import is_scheduled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from ganzoo.engine.game import Game
    from ganzoo.parts.part import Player
    from ganzoo.parts.schedule import Schedule
    from ganzoo.parts.variant import Variant


class Numbers:
    """Progress, scheduled options and the moving average's shares, each a scalar, float64, ().

    A graph holds a number of Python as it was when it was captured. A scalar of Python's own
    precision takes its place in arithmetic, to the same bits.
    """

    def __init__(self, game: Game, steps: int) -> None:
        """Take the place of a game's numbers; the generator has ``steps`` steps a round."""
        self.game, variant = game, game.variant
        self.schedules: list[Schedule] = []
        variant.unscheduled(self._found)
        averaged = steps if game.average is not None else 0
        count = 1 + len(self.schedules) + averaged
        self._all = torch.zeros(count, dtype=torch.float64, device=game.device)
        self.progress, *others = self._all.unbind()
        scheduled, shares = others[: len(self.schedules)], others[len(self.schedules) :]
        self._shares = [number.float() for number in shares]
        self._singles = list(zip(self._shares, shares, strict=True))
        self._derived: list[tuple[Player, str, Any]] = []
        """What optimizers make of their options, such as a corrected rate: no views of ``_all``."""
        self._left: Iterator[Tensor] = iter(())
        views = iter(scheduled)
        self.variant: Variant = variant.unscheduled(lambda _: next(views))
        """The variant, a scalar in the place of each schedule."""
        self._schedule_optimizers()

    def _found(self, schedule: Schedule) -> float:
        self.schedules.append(schedule)
        return 0.0

    def _schedule_optimizers(self) -> None:
        for player, optimizer in self.game.optimizers.items():
            part = self.variant.optimizers[player]
            arguments = part.arguments()
            for name, value in self.game.variant.optimizers[player]:
                if name not in arguments or not is_scheduled(value):
                    continue
                number = arguments[name]
                if number is not getattr(part, name):
                    self._derived.append((player, name, number))
                if isinstance(number, torch.Tensor) and number.is_cuda:
                    # Fused optimizers read a rate of single precision on a GPU.
                    single = number.float()
                    self._singles.append((single, number))
                    number = single
                for group in optimizer.param_groups:
                    group[name] = number

    def refresh(self) -> None:
        """Give every number its value in the round that comes."""
        game, progress = self.game, self.game.progress
        played = game.steps.get(GENERATOR, 0)
        values = [progress, *(schedule.at(progress) for schedule in self.schedules)]
        variant, shares = game.variant, range(1, len(self._shares) + 1)
        values += [share_at(variant, progress, played + i) for i in shares]
        # From pinned memory, since a copy from any other waits for the rounds before.
        host = torch.tensor(values, dtype=torch.float64, pin_memory=self._all.is_cuda)
        self._all.copy_(host, non_blocking=True)
        for player, name, derived in self._derived:
            now = variant.optimizers[player].at(progress).arguments()[name]
            for number, value in zip(as_tuple(derived), as_tuple(now), strict=True):
                if isinstance(number, torch.Tensor):
                    number.fill_(value)
        for single, double in self._singles:
            single.copy_(double)
        self._left = iter(self._shares)

    def share(self, steps: int) -> float | Tensor:
        """The share of the moving average's way after the generator's next step of the round.

        A number of Python's after a step that rounds before did not have; ``steps`` counts all.
        """
        found = next(self._left, None)
        return share_at(self.game.variant, self.game.progress, steps) if found is None else found


def as_tuple(value: Any) -> tuple[Any, ...]:
    """An argument that is several numbers, or one, as a tuple."""
    return value if isinstance(value, tuple) else (value,)


def reads_numbers(game: Game) -> bool:
    """Whether anything in a round reads a number that changes."""
    terms = [term for found in game.terms.values() for term in found.values()]
    readers = [*game.augmenting, *terms, *(p for found in game.projecting.values() for p in found)]
    names = [*game.inputs.values(), *game.options.values()]
    names += [given for reader in readers for given in (reader.reads, reader.accepts)]
    return game.scheduled or any("progress" in found for found in names)
