"""The networks of a run, read from its last checkpoint: without its data, on any device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch

from ganzoo.engine.memory_format import under
from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.errors import RunError, ZooError
from ganzoo.parts.part import GENERATOR
from ganzoo.parts.space import Space, masks
from ganzoo.pretrained.build import network
from ganzoo.pretrained.data import DataInfo, HeldOutRows
from ganzoo.storage.files import replacing
from ganzoo.storage.paths import home
from ganzoo.storage.weight_file import GENERATOR_FILE, opened, written
from ganzoo.training import checkpoint
from ganzoo.training.plan import Plan, composed_in
from ganzoo.training.weights import configured

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
    that draws rows of them, or if the checkpoint is of an older version.
    """

    name: str
    path: Path
    composition: Composition
    last: Newest[tuple[dict[str, Tensor], dict[str, Any]]]
    """Its last checkpoint that is whole."""
    model: None = None

    @classmethod
    def open(cls, name: str, zoo: Zoo) -> Self:
        """The run in the folder ``name``.

        Raises RunError if there is no run or no checkpoint, or it has parts that the zoo does not
        know.
        """
        path = home(name)
        _, composition = composed_in(path, zoo)
        last = checkpoint.last_whole(path, contents)
        return cls(name, path, composition, last)

    @property
    def players(self) -> Sequence[str]:
        """The players whose networks are in the checkpoint."""
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
        try:
            with replacing(self.path / GENERATOR_FILE) as path:
                path.write_bytes(blob)
        except RunError:
            pass  # a folder that is read only: calibrated again next time
        return blob

    @property
    def data_sha256(self) -> str:
        """What the data were that it was trained on."""
        found: str = self.last.read[1]["data_sha256"]
        return found

    def _kept(self) -> bytes | None:
        """The generator in the folder, if it is that of the last checkpoint."""
        try:
            blob = (self.path / GENERATOR_FILE).read_bytes()
            config, _ = opened(blob, GENERATOR_FILE)
        except (OSError, ZooError):
            return None
        return blob if config.rounds == int(self.last.path.stem) else None

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
            info=DataInfo(lambda: self.composition.data),
            progress=config.progress,
        )
        return frozen.net.state_dict()


def contents(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What weight files are made from of a run's checkpoint: tensors of networks, and JSON."""
    with checkpoint.reading(path) as (tensors, facts):
        Plan.model_validate(facts["plan"])
        nets = {*facts["steps"], AVERAGE}
        return {name: t for name, t in tensors.items() if name.partition(".")[0] in nets}, facts
