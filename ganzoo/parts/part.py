"""The parts of a GAN: four kinds, and what each does for each of the two players.

============  ======================================  ==================================
kind          ``.discriminator(...)``                 ``.generator(...)``
============  ======================================  ==================================
Architecture  builds D from spaces                    builds G from spaces
Loss          D's objective, one number per sample    G's objective, one number per sample
Regularizer   added to D's, times ``weight``          added to G's, times ``weight``
Sampler       deals the steps of D's turn             deals the steps of G's turn
============  ======================================  ==================================

A method's parameter names say what it reads: ``def generator(self, fake_score)`` is a loss that
needs the discriminator's score of generated samples. A part may define either method or both.
A part's fields are its options and it holds nothing else; state belongs to the game. A part that
needs some defines ``start(self, game)`` and reads what that returned as the parameter ``state``. It
is saved with the game, and taken up again, by its own ``state()`` and ``restore()``, if it changes.
A high score means "real", everywhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt

from ganzoo.errors import OptionError
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import torch
    from torch import Tensor, nn

    from ganzoo.engine.game import Game
    from ganzoo.engine.sampling import FrozenGenerator
    from ganzoo.engine.step import Step

Player: TypeAlias = Literal["discriminator", "generator"]
PLAYERS: tuple[Player, ...] = get_args(Player)


class Part(BaseModel):
    """A frozen record whose fields are its options; its name is its class's in kebab-case."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    kind: ClassVar[str]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Name the part, unless its class says ``name = ...`` itself."""
        super().__pydantic_init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = re.sub(
                r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", cls.__name__
            ).lower()

    def remarks(self, game: Game) -> Iterable[str]:  # noqa: ARG002
        """Sentences that ``explain`` prints: what this part means for a whole composition."""
        return ()

    def defines(self, method: str) -> bool:
        """Whether this part's class says what a method does, which its kind leaves empty."""
        own = (cls for cls in type(self).__mro__ if cls.__module__ != __name__)
        return any(method in cls.__dict__ for cls in own)

    def spec(self) -> dict[str, Any]:
        """The part as JSON: its name and its options."""
        return {"part": self.name, **self.model_dump(mode="json")}


class Architecture(Part):
    """Builds the networks: ``discriminator`` and ``generator`` name the spaces they build from.

    A space with a default is passed where there is one. Both return a module. A generator's
    ``forward`` names the values it reads (``z``, ``label``) and returns the sample, or a dict with
    ``fake`` in it. A discriminator's ``forward`` takes the sample first, then names what else it
    reads, and returns one score per sample, (N,), or a dict with ``score`` in it; every other head
    is offered as ``real_<head>`` and ``fake_<head>``.
    """

    kind = "architecture"
    heads: ClassVar[tuple[str, ...]] = ()
    """The discriminator's heads beside ``score``."""


class Loss(Part):
    """The game's objective: each method returns what its player minimizes, (N,) or a scalar."""

    kind = "loss"


class Regularizer(Part):
    """A term added to one or both players' objectives, or a constraint on their networks."""

    kind = "regularizer"

    weight: NonNegativeFloat = Field(default=1.0, description="factor of the term")
    every: PositiveInt = Field(
        default=1, description="apply on each k-th step, times k (lazy, arXiv:1912.04958)"
    )

    def attach(self, net: nn.Module, player: Player) -> None:
        """Change a network once, when it is built (spectral norm, buffers of one's own)."""

    def project(self, net: nn.Module, player: Player) -> None:
        """Change a network's parameters after each step of its player (weight clipping)."""

    def shown(self, sample: Tensor) -> Tensor:
        """What the discriminator sees of any sample (augmentation, instance noise)."""
        return sample


class Sampler(Part):
    """Deals the steps of each turn, and samples a generator that is trained.

    ``draw`` touches the host (which rows of the data, environments); ``deal`` runs on the device
    alone. Both have a default that suits any GAN with one latent draw a step: a batch of data rows,
    and what ``latent`` returns; so has ``sample``.
    """

    kind = "sampler"
    deals: ClassVar[tuple[str, ...]] = ()
    """The names that this sampler puts on a step beside the data's columns."""

    def spaces(self, data: Mapping[str, Space]) -> dict[str, Space]:  # noqa: ARG002
        """The spaces of what this sampler deals, given those of the data."""
        return {}

    def latent(
        self, n: int, spaces: Mapping[str, Space], stream: torch.Generator
    ) -> dict[str, Tensor]:
        """Draw what ``n`` samples are generated from, on ``stream`` and its device.

        A sampler whose values depend on each other adds a parameter ``given`` with a default: what
        the caller of ``sample`` fixes by name, ``code`` or, a part of a joined space, ``code.c1``.
        It should draw the same random numbers whatever is given, so that all else stays as it was.
        """
        raise NotImplementedError

    def draw(self, player: Player, game: Game) -> Any:  # noqa: ARG002
        """Choose the data of a turn, for ``deal``: row numbers of one batch, int64, (N,)."""
        return game.order.take(game.variant.batch)

    def deal(self, player: Player, game: Game, drawn: Any) -> Iterator[Step]:
        """Yield the steps of a turn; each is played before the next is asked for."""
        latent = self.latent(len(drawn), game.spaces, game.latents)
        yield game.step(player, rows=drawn, **latent)

    def sample(
        self, frozen: FrozenGenerator, n: int, *, seed: int, given: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Values of ``n`` samples by name, on the CPU, repeatable by seed: ``fake`` and the rest.

        Whatever is returned is offered to metrics.
        """
        return frozen.generate(n, seed=seed, given=given)

    def act(self, frozen: FrozenGenerator, obs: Tensor, *, seed: int | None = None) -> Tensor:  # noqa: ARG002
        """Actions of a generator that is a policy, for observations, (N, d)."""
        message = f"sampler '{self.name}' draws samples; there is no policy here that acts."
        raise OptionError(message)

    def frames(self, frozen: FrozenGenerator, *, seed: int) -> Tensor | None:  # noqa: ARG002
        """One sample as a film, uint8, (T, height, width, 3), where samples unfold in time."""
        return None
