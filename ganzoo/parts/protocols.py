"""What parts may touch of the engine that plays them: the interface that plugins rely on.

Plugins annotate with these; the engine's own classes satisfy them and have more, which may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    import torch
    from torch import Tensor, nn

    from ganzoo.parts.dataset import Data
    from ganzoo.parts.part import Part, Player, Sampler
    from ganzoo.parts.rows import Rows
    from ganzoo.parts.space import Space
    from ganzoo.parts.variant import Variant


class RowOrder(Protocol):
    """The order in which training rows are dealt, fixed by the seed."""

    def take(self, count: int) -> Tensor:
        """The numbers of the next rows, int64, (count,), on the game's device."""


class StepView(Protocol):
    """The values of one update, by name."""

    def __getitem__(self, name: str) -> Any:
        """A value, computed on first use. Raises KeyError where nothing offers it."""

    def score(self, sample: Tensor, **given: Tensor) -> Tensor:
        """The discriminator's score of any sample, (N, ...), in full precision."""

    def generate(self, **given: Tensor) -> Tensor:
        """A sample of the generator from this step's values, some replaced by ``given``."""


class GameView(Protocol):
    """The game as a part sees it."""

    @property
    def variant(self) -> Variant:
        """The composition; of scheduled options, the schedules."""

    @property
    def data(self) -> Data:
        """The dataset: both splits, spaces, and what else is known of it."""

    @property
    def train(self) -> Rows:
        """The training rows, on the game's device."""

    @property
    def spaces(self) -> Mapping[str, Space]:
        """The space of every value that the data has or the sampler deals, by name."""

    @property
    def nets(self) -> Mapping[Player, nn.Module]:
        """Each player's network."""

    @property
    def device(self) -> torch.device:
        """Where the networks and the training rows are."""

    @property
    def seed(self) -> int:
        """What fixes every random choice."""

    @property
    def batch(self) -> int:
        """Samples a step."""

    @property
    def progress(self) -> float:
        """The share of the budget that is spent, in [0, 1]."""

    @property
    def latents(self) -> torch.Generator:
        """The random stream for latents, on the game's device; draw from no other."""

    @property
    def order(self) -> RowOrder:
        """The order of the training rows."""

    def plays(self, role: str) -> bool:
        """Whether the network behind ``score`` or ``generate`` is in this game."""

    def step(self, player: Player, rows: Tensor | None = None, **dealt: Tensor) -> Any:
        """A step for ``player``; ``rows`` stands for the data's columns, read when named."""

    def state_of(self, part: Part) -> Any:
        """What the part's ``start`` returned in this game."""


class FrozenView(Protocol):
    """A generator in eval mode, with all that samples are drawn from."""

    @property
    def net(self) -> nn.Module:
        """The network."""

    @property
    def sampler(self) -> Sampler:
        """The sampler of its variant."""

    @property
    def spaces(self) -> Mapping[str, Space]:
        """The space of every value, by name."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""

    @property
    def info(self) -> Mapping[str, object]:
        """What is known of the data beyond its rows."""

    def generate(self, n: int, *, seed: int, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``n`` samples by the network's forward, as ``fake``, and what they are made from."""


class RunView(Protocol):
    """A run as an observer sees it."""

    @property
    def folder(self) -> Path:
        """Where its files are."""

    @property
    def title(self) -> str:
        """Variant, data and seed, in a line."""

    @property
    def seconds(self) -> float:
        """Seconds trained, without checkpoints and scores."""

    @property
    def remarks(self) -> Iterable[str]:
        """Sentences about how it was set up."""

    @property
    def warnings(self) -> MutableMapping[str, str]:
        """What is wrong with how it trains, as a sentence, by kind; empty where it is well."""

    @property
    def signals(self) -> Mapping[str, float]:
        """What parts tell of their states, as ``PART/NAME``, when the terms were last looked at."""

    @property
    def game(self) -> PlayedGame:
        """The game being trained."""

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint, where there is one."""


class PlayedGame(GameView, Protocol):
    """The game as an observer sees it."""

    @property
    def rounds(self) -> int:
        """Rounds played."""

    def untouched(self) -> AbstractContextManager[None]:
        """Whatever runs inside leaves no trace, but for weights."""

    def leased(self) -> AbstractContextManager[None]:
        """Inside, torch's default generators are the game's own."""

    @property
    def frozen(self) -> Callable[[], Any]:
        """Returns the generator as it is now, in eval mode."""

    @property
    def preview(self) -> Callable[[], Any]:
        """Returns the same, with statistics of batch norm that are measured faster."""
