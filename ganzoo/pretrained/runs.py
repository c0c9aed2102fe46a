"""The networks of a run, read from its last checkpoint: without its data, on any device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.engine.memory_format import under
from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.errors import RunError, ZooError
from ganzoo.parts.part import GENERATOR
from ganzoo.parts.space import Space, masks
from ganzoo.pretrained.build import network
from ganzoo.pretrained.data import DataInfo, HeldOutRows
from ganzoo.storage.files import replacing
from ganzoo.storage.weight_file import GENERATOR_FILE, opened, written
from ganzoo.training import checkpoint
from ganzoo.training.plan import plan_in, usable
from ganzoo.training.weights import configured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from ganzoo.parts.dataset import Data
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.storage.weight_file import Config

AVERAGE = "average"
"""Whose tensors the generator's moving average is kept under in a checkpoint."""


def home_of(run: Path) -> str:
    """The device of a run if it is here, else the CPU."""
    device = plan_in(run).device
    try:
        return str(usable(device))
    except RunError:
        return "cpu"


@dataclass(frozen=True)
class RunFolder:
    """The networks of a run's last checkpoint, as weight files.

    The generator of a finished run lies in its folder. That of another checkpoint is built from the
    checkpoint, its batch norm calibrated, and kept there too. The run's data are loaded only if
    that draws rows of them, or if the checkpoint is of an older version.
    """

    name: str
    path: Path
    zoo: Zoo
    model: None = None

    @property
    def players(self) -> Sequence[str]:
        """The players whose networks are in the checkpoint."""
        tensors, _ = self._checkpoint
        owners = {name.partition(".")[0] for name in tensors if "." in name}
        return sorted(owners & {player for player, _ in self._variant.turns})

    def read(self, player: str) -> bytes | None:
        """One player's weight file; None if the run has no such player.

        Raises RunError if there is no run or no checkpoint, or it cannot be read.
        """
        if player == GENERATOR and (kept := self._kept()) is not None:
            return kept
        if player not in self.players:
            return None
        config, tensors = self._config(player), self._tensors(player)
        if player != GENERATOR:
            return written(tensors, config)
        blob = written(self._calibrated(config, tensors), config)
        try:
            with replacing(self.path / GENERATOR_FILE) as path:
                path.write_bytes(blob)
        except RunError:
            pass  # a folder that is read only: calibrated again next time
        return blob

    @property
    def data_sha256(self) -> str:
        """What the data were that it was trained on."""
        found: str = self._checkpoint[1]["data_sha256"]
        return found

    @cached_property
    def _place(self) -> Path:
        plan_in(self.path)  # raises where there is no run
        found = sorted((self.path / "checkpoints").glob("[0-9]*.safetensors"))
        if not found:
            message = f"{self.path} has no checkpoint yet; train it first."
            raise RunError(message)
        return found[-1]

    @cached_property
    def _checkpoint(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        with checkpoint.reading(self._place) as found:
            return found

    @cached_property
    def _variant(self) -> Any:
        return self.zoo.variant(self._checkpoint[1]["plan"]["variant"])

    @cached_property
    def _data(self) -> Data:
        loaded: Data = self.zoo.part("dataset", self._checkpoint[1]["plan"]["data"]).load()
        return loaded

    def _kept(self) -> bytes | None:
        """The generator in the folder, if it is that of the last checkpoint."""
        try:
            blob = (self.path / GENERATOR_FILE).read_bytes()
            config, _ = opened(blob, GENERATOR_FILE)
        except (OSError, ZooError):
            return None
        return blob if config.rounds == int(self._place.stem) else None

    def _config(self, player: str) -> Config:
        _, facts = self._checkpoint
        spaces = facts.get("spaces")  # 0.1 did not keep them
        return configured(
            player,
            variant=self._variant.spec(),
            data=self.zoo.part("dataset", facts["plan"]["data"]).spec(),
            spaces=self._data.spaces
            if spaces is None
            else {name: Space.model_validate(space) for name, space in spaces.items()},
            rounds=facts["rounds"],
            seed=facts["plan"]["seed"],
            progress=facts["progress"],
        )

    def _tensors(self, player: str) -> dict[str, Tensor]:
        tensors, _ = self._checkpoint
        averaged = under(tensors, f"{AVERAGE}.") if player == GENERATOR else {}
        return averaged or under(tensors, f"{player}.")

    def _calibrated(self, config: Config, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        made = network(config, tensors, self.zoo, f"the generator of {self._place}")
        sampler = self._variant.sampler
        spaces = {**config.spaces, **sampler.spaces(config.spaces)}
        names = (*config.spaces, *masks(config.spaces, config.spaces))
        frozen = FrozenGenerator.copy_of(
            made.net.train(),
            reads=made.reads,
            accepts=made.accepts,
            sampler=sampler.at(config.progress),
            spaces=spaces,
            device=torch.device("cpu"),
            rows=HeldOutRows(lambda: self._data, names),
            info=DataInfo(lambda: self._data),
            progress=config.progress,
        )
        return frozen.net.state_dict()
