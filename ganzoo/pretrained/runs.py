"""The networks of a run, read from its last checkpoint: without its data, on any device."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch

from ganzoo.engine.memory_format import under
from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.errors import RunError, WeightsError
from ganzoo.parts.part import GENERATOR
from ganzoo.parts.space import Space, masks
from ganzoo.pretrained.build import network
from ganzoo.pretrained.data import DataInfo, HeldOutRows
from ganzoo.storage.paths import given_path, home
from ganzoo.storage.weight_file import GENERATOR_FILE, opened, written
from ganzoo.training import checkpoint
from ganzoo.training.plan import Plan, composed_in
from ganzoo.training.weights import configured, keep_generator, kept_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from ganzoo.engine.composition import Composition
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.storage.weight_file import Config
    from ganzoo.training.checkpoint import Newest

AVERAGE = "average"
"""Whose tensors the generator's moving average is kept under in a checkpoint."""


@dataclass(frozen=True)
class RunFolder:
    """The networks of a run's last checkpoint, as weight files.

    The generator of a finished run lies in its folder. That of another checkpoint is built from the
    checkpoint, its batch norm calibrated, and kept there too. The run's data are loaded only if
    that draws rows of them, or if the checkpoint is of an older version. Where no checkpoint is
    whole, the generator in the folder is all that there is.
    """

    name: str
    path: Path
    composition: Composition
    newest: Newest[tuple[dict[str, Tensor], dict[str, Any]]] | RunError
    """Its last checkpoint that is whole, or why there is none."""
    model: None = None

    @classmethod
    def open(cls, name: str, zoo: Zoo) -> Self:
        """The run in the folder ``name``.

        Raises RunError if there is no run, or neither a checkpoint nor a generator, or it has parts
        that the zoo does not know.
        """
        path = home(given_path(name))
        _, composition = composed_in(path, zoo)
        try:
            return cls(name, path, composition, checkpoint.last_whole(path, contents))
        except RunError as error:
            found = cls(name, path, composition, error)
            if found._kept() is None:
                raise
            sys.stderr.write(
                f"warning: {path} has no checkpoint that can be read; {GENERATOR_FILE} is taken "
                "instead.\n"
            )
            return found

    @property
    def last(self) -> Newest[tuple[dict[str, Tensor], dict[str, Any]]]:
        """Its last checkpoint that is whole. Raises RunError where there is none."""
        if isinstance(self.newest, RunError):
            raise self.newest
        return self.newest

    @property
    def players(self) -> Sequence[str]:
        """The players whose networks are there."""
        if isinstance(self.newest, RunError):
            return [GENERATOR]
        tensors, _ = self.last.read
        owners = {name.partition(".")[0] for name in tensors if "." in name}
        return sorted(owners & {player for player, _ in self.composition.variant.turns})

    def read(self, player: str) -> bytes | None:
        """One player's weight file; None if the run has no such player."""
        if player == GENERATOR and (kept := self._kept()) is not None:
            return kept
        if player not in self.players:
            return None
        config, tensors = self._config(player), self._tensors(player)
        if player != GENERATOR:
            return written(tensors, config)
        blob = written(self._calibrated(config, tensors), config)
        if self.last.damaged:
            return blob  # what is in the folder may be newer, and all that is left of it
        with suppress(RunError):  # a folder that is read only: calibrated again next time
            keep_generator(self.path, blob)
        return blob

    @property
    def data_sha256(self) -> str:
        """What the data were that it was trained on."""
        found: str = self.last.read[1]["data_sha256"]
        return found

    def _kept(self) -> bytes | None:
        """The generator in the folder, if it is whole and that of the last checkpoint."""
        try:
            blob = kept_generator(self.path)
        except OSError:
            return None
        except WeightsError as error:
            sys.stderr.write(f"warning: {str(error).rstrip('.')}; it is not used.\n")
            return None
        if isinstance(self.newest, RunError):
            return blob
        config, _ = opened(blob, GENERATOR_FILE)
        return blob if config.rounds == int(self.newest.path.stem) else None

    def _config(self, player: str) -> Config:
        _, facts = self.last.read
        spaces = facts.get("spaces")  # 0.1 did not keep them
        return configured(
            player,
            variant=self.composition.variant.spec(),
            data=self.composition.dataset.spec(),
            spaces=self.composition.data.spaces
            if spaces is None
            else {name: Space.model_validate(space) for name, space in spaces.items()},
            recorded=facts.get("recorded", {}),
            rounds=facts["rounds"],
            seed=facts["plan"]["seed"],
            progress=facts["progress"],
        )

    def _tensors(self, player: str) -> dict[str, Tensor]:
        tensors, _ = self.last.read
        averaged = under(tensors, f"{AVERAGE}.") if player == GENERATOR else {}
        return averaged or under(tensors, f"{player}.")

    def _calibrated(self, config: Config, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        made = network(config, tensors, self.composition.zoo, f"the generator of {self.last.path}")
        sampler = self.composition.variant.sampler
        spaces = {**config.spaces, **sampler.spaces(config.spaces)}
        names = (*config.spaces, *masks(config.spaces, config.spaces))
        frozen = FrozenGenerator.copy_of(
            made.net.train(),
            reads=made.reads,
            accepts=made.accepts,
            sampler=sampler.at(config.progress),
            spaces=spaces,
            device=torch.device("cpu"),
            rows=HeldOutRows(lambda: self.composition.data, names),
            info=DataInfo(
                lambda: self.composition.data,
                lambda: self.composition.dataset.recalled(config.recorded),
            ),
            progress=config.progress,
        )
        return frozen.net.state_dict()


def contents(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What weight files are made from of a run's checkpoint: tensors of networks, and JSON."""
    with checkpoint.reading(path) as (tensors, facts):
        Plan.model_validate(facts["plan"])
        nets = {*facts["steps"], AVERAGE}
        return {name: t for name, t in tensors.items() if name.partition(".")[0] in nets}, facts
