"""The parts of a GAN: five kinds, and what each does for each player.

============  ======================================  ==================================
kind          ``.discriminator(...)``                 ``.generator(...)``
============  ======================================  ==================================
Architecture  builds D from spaces                    builds G from spaces
Loss          D's objective, one number per sample    G's objective, one number per sample
Regularizer   added to D's, times ``weight``          added to G's, times ``weight``
Sampler       deals the steps of D's turn             deals the steps of G's turn
Optimizer     how D's parameters follow a gradient    how G's do
============  ======================================  ==================================

A variant may have further players, such as an encoder: ``turns`` names them, and a part acts for
one by a method of that name. Discriminator and generator are the two whose names mean something to
the engine: it judges real and generated samples with the first and draws samples from the second.

A method's parameter names say what it reads: ``def generator(self, fake_score)`` is a loss that
needs the discriminator's score of generated samples. A part may define any of these methods.

A part's fields are its options, and it holds nothing else; state belongs to the game. A part that
needs state defines ``start(self, game)`` and reads what it returned as the parameter ``state``.
State that changes has methods ``state()`` and ``restore()``, and is saved and resumed with the
game. What ``signals()`` of a state returns, numbers by name, stands in the log of a run.

A high score means "real", everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from pydantic_core import PydanticSerializationError

from ganzoo.errors import OptionError, first_line
from ganzoo.parts.schedule import Weight, unscheduled
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch
    from torch import Tensor, nn

    from ganzoo.parts.protocols import FrozenView, GameView
    from ganzoo.parts.schedule import Number

Player: TypeAlias = str
"""The name of a player: ``discriminator``, ``generator``, or one that a variant's turns add."""
PLAYER_NAME = r"^[a-z][a-z0-9_]*$"
Samples: TypeAlias = Literal["images", "vectors", "texts"]
"""Kinds of samples: (channels, height, width), (d,), and token ids, (length,)."""
DISCRIMINATOR: Player = "discriminator"
GENERATOR: Player = "generator"


def kebab_case(name: str) -> str:
    """The name of a class as that of a part: ``MarginHinge`` as ``margin-hinge``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


class Part(BaseModel):
    """A frozen record whose fields are its options; its name is its class's in kebab-case."""

    # A default too may be written as text: "linear:1:0".
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )

    name: ClassVar[str]
    kind: ClassVar[str]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Name the part, unless its class says ``name = ...`` itself."""
        super().__pydantic_init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = kebab_case(cls.__name__)

    def remarks(self, game: GameView) -> Iterable[str]:  # noqa: ARG002
        """Sentences that ``explain`` prints: what this part means for a whole composition."""
        return ()

    def warnings(self, game: GameView) -> Iterable[str]:  # noqa: ARG002
        """Sentences that training prints too: why a whole composition is known to fail."""
        return ()

    def defines(self, method: str) -> bool:
        """Whether this part's class says what a method does, which its kind leaves empty."""
        own = (cls for cls in type(self).__mro__ if cls.__module__ != __name__)
        return any(method in cls.__dict__ for cls in own)

    def unscheduled(self, number: Number) -> Self:
        """The part with a number in the place of each schedule, which ``number`` makes of it."""
        return unscheduled(self, number)

    def at(self, progress: float) -> Self:
        """The part with the numbers that its scheduled options have at a share of the budget."""
        return self.unscheduled(lambda schedule: schedule.at(progress))

    def spec(self) -> dict[str, Any]:
        """The part as JSON: its name and its options. Raises OptionError where JSON has none."""
        try:
            return {"part": self.name, **self.model_dump(mode="json")}
        except PydanticSerializationError as error:
            message = (
                f"'{self.name}' has an option that cannot be written to a run's JSON "
                f"({first_line(error)}); let options be numbers, texts and lists of them."
            )
            raise OptionError(message) from error


class Architecture(Part):
    """Builds the networks: each player's method names the spaces that it builds from.

    A space with a default is passed if the data or the sampler have it. Each returns a module,
    whose
    ``forward`` names the values that it reads (``z``, ``label``).

    - The generator's returns a sample, or a dict with ``fake`` in it.
    - The discriminator's takes the sample first, then names what else it reads. It returns scores,
      (N,), or a map of them, (N, ...), or a dict with ``score`` in it; every other head ``h`` is
      offered as ``real_h`` and ``fake_h``.
    - The network of any other player returns a dict; its keys are the names of its values.

    A network whose structure changes in training, as in progressive growth, defines
    ``stage(progress)``, an integer for each structure, and its ``forward`` takes it as ``stage``.
    """

    kind = "architecture"
    heads: ClassVar[tuple[str, ...]] = ()
    """The discriminator's heads beside ``score``."""
    builds: ClassVar[Samples | None] = None
    """The only kind of samples that it builds, such as ``images``; other data are refused in a
    sentence before any method is called. None for samples of any shape."""


class Loss(Part):
    """The game's objective: each player's method returns what that player minimizes.

    One number per sample, (N,), one per score, (N, ...), or one for the batch, ().
    """

    kind = "loss"
    signed: ClassVar[bool] = True
    """Whether the sign of a score says which samples it takes for real. False for a loss that reads
    differences of scores alone, such as Wasserstein's, and for targets that are not about zero."""


class Regularizer(Part):
    """A term added to players' objectives, or a constraint on their networks.

    Beside a method for each player it may define, reading values by name like any term:

    - ``augment(self, sample, ...)``: what the discriminator sees of any sample (augmentation,
      instance noise), of the same shape;
    - ``project(self, net, player, ...)``: changes a network in place after each step of its player
      (weight clipping), or updates state from the step's values; without gradients.
    """

    kind = "regularizer"
    projects: ClassVar[tuple[Player, ...] | None] = None
    """The players after whose steps ``project`` is called; None for every player."""
    augments: ClassVar[Samples | None] = None
    """The only kind of samples that ``augment`` takes, such as ``images``; other data are refused
    in a sentence before anything is built. None for samples of any shape."""

    weight: Weight = Field(default=1.0, description="factor of the term")
    every: PositiveInt = Field(
        default=1,
        le=1_000_000,
        description="apply on each k-th step, times k (lazy, arXiv:1912.04958)",
    )

    def attach(self, net: nn.Module, player: Player) -> None:
        """Change a network once, when it is built (spectral norm, buffers of one's own)."""


class Sampler(Part):
    """Deals the steps of each turn, and draws samples from a trained generator.

    ``draw`` works on the host (which rows of the data, environments); ``deal`` works on the device
    alone. The defaults of these and of ``sample`` suit any GAN with one latent draw a step: a batch
    of data rows, and what ``latent`` returns.
    """

    kind = "sampler"
    deals: ClassVar[tuple[str, ...]] = ()
    """The names that this sampler puts on a step beside the data's columns."""
    on_host: ClassVar[bool] = False
    """Whether it acts step by step on the host, as in an environment. Then ``--device auto`` takes
    the CPU for small networks, since a GPU would wait for each step."""
    controls: ClassVar[Mapping[str, Space]] = {}
    """Numbers by name that a caller of ``sample`` may give beside what samples are made from, such
    as a truncation; ``latent`` finds them in ``given``, one for each sample."""

    def spaces(self, data: Mapping[str, Space]) -> dict[str, Space]:  # noqa: ARG002
        """The spaces of what this sampler deals, given those of the data."""
        return {}

    def latent(
        self, n: int, spaces: Mapping[str, Space], stream: torch.Generator
    ) -> dict[str, Tensor]:
        """Draw what ``n`` samples are generated from, on ``stream`` and its device.

        A sampler with ``controls``, or whose values depend on each other, adds a parameter
        ``given`` with a default: the values that the caller of ``sample`` fixes by name, such as
        ``code``, or ``code.c1``, a part of a joined space. It draws the same random numbers
        whatever is given, so that everything else stays the same.
        """
        raise NotImplementedError

    def draw(self, player: Player, game: GameView) -> Any:  # noqa: ARG002
        """Choose the data of a turn, for ``deal``: row numbers of one batch, int64, (N,)."""
        return game.order.take(game.batch)

    def deal(self, player: Player, game: GameView, drawn: Any) -> Iterator[Any]:
        """Yield the steps of a turn; each is played before the next is asked for."""
        latent = self.latent(len(drawn), game.spaces, game.latents)
        yield game.step(player, rows=drawn, **latent)

    def sample(
        self, frozen: FrozenView, n: int, *, seed: int, given: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Values of ``n`` samples by name, on the CPU, repeatable by seed: ``fake`` and the rest.

        Whatever is returned is offered to metrics.
        """
        return frozen.generate(n, seed=seed, given=given)

    def act(self, frozen: FrozenView, obs: Tensor, *, seed: int | None = None) -> Tensor:  # noqa: ARG002
        """Actions of a generator that is a policy, for observations, (N, d)."""
        message = f"sampler '{self.name}' draws samples; there is no policy here that acts."
        raise OptionError(message)

    def frames(self, frozen: FrozenView, *, seed: int) -> Tensor | None:  # noqa: ARG002
        """One sample as a film, uint8, (T, height, width, 3), where samples unfold in time."""
        return None
