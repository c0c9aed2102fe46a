"""The numbers that a game is played with: those of its schedules at any point of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.engine.average import share_at
from ganzoo.engine.build import staged
from ganzoo.engine.reader import augmentations, projections, terms
from ganzoo.parts.schedule import is_scheduled

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from ganzoo.engine.graphs.numbers import Numbers
    from ganzoo.engine.graphs.rounds import Rounds
    from ganzoo.engine.reader import Projection, Reader, Term
    from ganzoo.parts.part import Player
    from ganzoo.parts.variant import Variant


class AnnealedGame:
    """What of a game changes with the progress of training; ``Game`` plays it."""

    variant: Variant
    nets: dict[Player, nn.Module]
    optimizers: dict[Player, torch.optim.Optimizer]
    scheduled: bool
    graphs: Rounds | None
    numbers: Numbers | None
    """The numbers that change, on the device, where rounds are played as graphs."""
    now: Variant
    """The variant with numbers in the place of its schedules."""
    terms: dict[Player, dict[str, Term]]
    augmenting: list[Reader]
    projecting: dict[Player, list[Projection]]
    _progress: float
    _rounds: int

    @property
    def progress(self) -> float:
        """The share of the budget that is spent, in [0, 1]."""
        if self.graphs is not None:
            self.graphs.object_to("reads the game's progress; let a method name 'progress'")
        return self._progress

    @progress.setter
    def progress(self, progress: float) -> None:
        self._progress = progress

    @property
    def rounds(self) -> int:
        """The rounds that were played."""
        if self.graphs is not None:
            self.graphs.object_to("reads the number of rounds; let a method name 'progress'")
        return self._rounds

    @rounds.setter
    def rounds(self, rounds: int) -> None:
        self._rounds = rounds

    @property
    def eagerly(self) -> str | None:
        """Why its rounds are not played as graphs though they were to be, in a sentence."""
        reason = None if self.graphs is None else self.graphs.reason
        return None if reason is None else f"Rounds are played without a graph: {reason}."

    def stage(self, player: Player) -> dict[str, int]:
        """The present stage of a network that has some, as its forward names it."""
        return staged(self.nets[player], self._progress)

    @property
    def offered_progress(self) -> float | Tensor:
        """Progress as steps offer it: a number, or a scalar on the device, for graphs."""
        return self._progress if self.numbers is None else self.numbers.progress

    def _share(self, steps: int) -> float | Tensor:
        """The share of the moving average's way after the generator's ``steps``-th step."""
        if self.numbers is not None:
            return self.numbers.share(steps)
        return share_at(self.now, self._progress, steps)

    def _anneal(self) -> None:
        """Give every scheduled number its value at the present progress."""
        self._play_as(self.variant.at(self.progress))
        for player, optimizer in self.optimizers.items():
            arguments = self.now.optimizers[player].arguments()
            changing = {
                name: arguments[name]
                for name, value in self.variant.optimizers[player]
                if name in arguments and is_scheduled(value)
            }
            for group in optimizer.param_groups:
                group.update(changing)

    def use(self, numbers: Numbers | None) -> None:
        """Play with numbers that are kept on the device, or else with Python's."""
        self.numbers = numbers
        if numbers is not None:
            self._play_as(numbers.variant)
        elif self.scheduled:
            self._anneal()

    def _play_as(self, now: Variant) -> None:
        """Play with a variant's numbers, none of which is a schedule."""
        self.now = now
        self.terms = {player: terms(now, player) for player in self.nets}
        self.augmenting = augmentations(now)
        self.projecting = {player: projections(now, player) for player in self.nets}
