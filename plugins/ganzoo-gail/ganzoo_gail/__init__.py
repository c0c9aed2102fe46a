"""GAIL: imitation learning, where the generator is a policy that acts in an environment.

Ho & Ermon 2016, Generative Adversarial Imitation Learning, arXiv:1606.03476; with PPO (Schulman et
al. 2017, arXiv:1707.06347) in place of TRPO.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import ganzoo
from ganzoo.builtin.losses import Minimax
from ganzoo.cli.options import PATH
from ganzoo.errors import counted
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.schedule import linear
from ganzoo.parts.variant import Variant
from ganzoo_gail.cloning import Demonstrated
from ganzoo_gail.datasets import (
    Acrobot,
    Cartpole,
    Demonstrations,
    Environment,
    Hopper,
    Minari,
    MountainCar,
    Pendulum,
)
from ganzoo_gail.objectives import Cloning, EntropyBonus, PpoClip
from ganzoo_gail.policy import Imitator
from ganzoo_gail.returns import EpisodeReturn, NormalizedReturn, PlainReturn
from ganzoo_gail.rollout import Rollout

if TYPE_CHECKING:
    from ganzoo.parts.dataset import Dataset
    from ganzoo.parts.metric import Metric
    from ganzoo.parts.part import Architecture, Loss, Regularizer, Sampler


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    """A policy with its value function, and a discriminator of (observation, action) pairs."""
    return [Imitator]


@ganzoo.hookimpl
def ganzoo_losses() -> list[type[Loss]]:
    """The policy's objectives: PPO's and behaviour cloning's."""
    return [PpoClip, Cloning]


@ganzoo.hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """The paper's entropy bonus."""
    return [EntropyBonus]


@ganzoo.hookimpl
def ganzoo_samplers() -> list[type[Sampler]]:
    """Rollouts of the policy, and the expert's pairs alone."""
    return [Rollout, Demonstrated]


@ganzoo.hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    """Shipped demonstrations, a file of them, Minari's, and an environment without any."""
    return [Cartpole, Acrobot, MountainCar, Pendulum, Hopper, Demonstrations, Minari, Environment]


@ganzoo.hookimpl
def ganzoo_metrics() -> list[type[Metric]]:
    """The return of episodes: normalized, as it is, and in the plain environment."""
    return [NormalizedReturn, EpisodeReturn, PlainReturn]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    """GAIL, behaviour cloning, and PPO on the task's own reward."""
    policy = Adam(lr=linear(1e-3), betas=(0.9, 0.999), max_norm=0.5)
    return [
        Variant(
            name="gail",
            source="Ho & Ermon 2016, arXiv:1606.03476",
            architecture=Imitator(),
            loss=Minimax(),
            generator_loss=PpoClip(),
            regularizers=(EntropyBonus(),),
            sampler=Rollout(),
            optimizers={"discriminator": Adam(lr=3e-3, betas=(0.5, 0.999)), "generator": policy},
            batch=256,
            data="cartpole",
        ),
        Variant(
            name="behaviour-cloning",
            source="Pomerleau 1989, ALVINN",
            architecture=Imitator(),
            loss=Cloning(),
            sampler=Demonstrated(),
            turns=(("generator", 1),),
            optimizers={"generator": Adam(lr=1e-3, betas=(0.9, 0.999))},
            batch=256,
            data="cartpole",
        ),
        Variant(
            name="ppo",
            source="Schulman et al. 2017, arXiv:1707.06347",
            architecture=Imitator(),
            loss=PpoClip(),
            regularizers=(EntropyBonus(),),
            sampler=Rollout(reward="task"),
            turns=(("generator", 1),),
            optimizers={"generator": policy},
            batch=256,
            data="cartpole",
        ),
    ]


@ganzoo.hookimpl
def ganzoo_commands(cli: typer.Typer) -> None:
    """``ganzoo record``."""

    @cli.command()
    def record(
        run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of a policy.")],
        *,
        out: Annotated[Path, typer.Option(**PATH, help="File to write, .safetensors.")],
        horizon: Annotated[str, typer.Option(help="fixed or task; default: the run's.")] = "",
        episodes: Annotated[int, typer.Option(min=1, max=10_000, help="Episodes to record.")] = 8,
        seed: Annotated[int, typer.Option(min=0, help="Seed of all episodes.")] = 0,
    ) -> None:
        """Record episodes of a run's policy as demonstrations."""
        # torch and gymnasium are slow to import, and `ganzoo --help` only needs this signature
        from ganzoo.plugins.options import validated
        from ganzoo.training.run import Run
        from ganzoo_gail.demonstrations import home
        from ganzoo_gail.demonstrations import record as write
        from ganzoo_gail.episodes import task_of
        from ganzoo_gail.tasks import Task

        opened = Run.open(run, ganzoo.default_zoo())
        game = opened.game
        task = task_of(game.data.info)
        if horizon:
            task = validated(Task, {**task.model_dump(), "horizon": horizon}, "record")
        made_with = (
            f"{game.variant.name} of ganzoo-gail, {counted(game.rounds, 'round')}, seed {game.seed}"
        )
        facts = write(
            home(out),
            task,
            game.frozen(),
            episodes=episodes,
            seed=seed,
            made_with=made_with,
        )
        typer.echo(
            f"{out}: {counted(episodes, 'episode')} of {facts.env}; mean return "
            f"{facts.expert_return:g}, of random actions {facts.random_return:g}"
        )
