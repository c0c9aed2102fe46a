"""Episodes of a trained policy, to measure its return and to film it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from ganzoo.engine.streams import seed_for
from ganzoo.errors import ComposeError, DataError, OptionError
from ganzoo.parts.part import Sampler
from ganzoo_gail.environments import sentence, unseen
from ganzoo_gail.envs import Envs
from ganzoo_gail.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from ganzoo.parts.protocols import FrozenView
    from ganzoo_gail.policy import Acting, ActorCritic
    from ganzoo_gail.spaces import Array

MOST_FRAMES = 500
"""The longest film, in frames."""
CHUNK = 100
"""The observations that a policy acts on at a time. Fewer are filled up: what is drawn, and how an
action is rounded, would otherwise depend on their number."""


class Episodes(Sampler):
    """A sampler whose samples are whole episodes of the data's task."""

    on_host = True

    def sample(
        self, frozen: FrozenView, n: int, *, seed: int, given: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Returns and lengths of ``n`` episodes, (n,) each; the first k are those of ``n = k``.

        ``episode_return`` and ``episode_length`` are of the most likely actions,
        ``stochastic_return`` of actions drawn from the policy. ``plain_return`` is of the most
        likely actions in the environment as gymnasium makes it, whatever the task's horizon.
        """
        del given
        policy, task = trained(frozen), task_of(frozen.info)
        greedy = played(policy, task, n, seed=seed, greedy=True)
        random = played(policy, task, n, seed=seed, greedy=False)
        own = task.horizon == "task"
        plain = greedy if own else played(policy, task.plain, n, seed=seed, greedy=True)
        return {
            "episode_return": greedy["return"],
            "episode_length": greedy["length"],
            "stochastic_return": random["return"],
            "plain_return": plain["return"],
        }

    def act(self, frozen: FrozenView, obs: Tensor, *, seed: int | None = None) -> Tensor:
        """The environment's actions, (N, ...), for its observations, flattened, (N, d).

        The most likely ones, or with a seed drawn from the policy. A policy of a fixed-horizon task
        adds the number that marks the end itself; observations that have it, (N, d + 1), are read
        too. Raises OptionError for observations of another shape.
        """
        policy, task = trained(frozen), task_of(frozen.info)
        d = task.interface.obs.size
        if obs.dim() != 2 or not len(obs) or obs.shape[1] not in {d, d + task.flagged}:  # noqa: PLR2004
            also = f", or (N, {d + 1}) with the flag of the fixed horizon" if task.flagged else ""
            message = (
                f"the policy acts on observations of '{task.env}', (N, {d}){also}; these are "
                f"{tuple(obs.shape)}."
            )
            raise OptionError(message)
        streams = None if seed is None else streams_of(seed, len(obs), frozen.device)
        action = policy.chosen(obs.cpu().float(), streams)
        return torch.from_numpy(task.actions.played(action))

    def frames(self, frozen: FrozenView, *, seed: int) -> Tensor | None:
        """One episode of the most likely actions, uint8, (T, H, W, 3), T at most 500.

        Raises DataError if the environment cannot be filmed.
        """
        policy, task = trained(frozen), task_of(frozen.info)
        if not task.interface.films:
            message = f"environment '{task.env}' cannot be filmed: it has no mode 'rgb_array'."
            raise DataError(message)
        drawn = []
        with unseen():
            envs = Envs(task, 1, seed=seed_for(seed, "episodes"), render_mode="rgb_array")
            for _ in range(min(task.steps, MOST_FRAMES)):
                try:
                    drawn.append(np.array(envs.vector.render()[0]))  # type: ignore[index]
                except OverflowError:  # a cart driven far enough leaves the range of pixel numbers
                    break
                except Exception as error:  # whatever an environment draws with may fail in any way
                    message = f"environment '{task.env}' cannot be filmed: {sentence(error)}"
                    raise DataError(message) from error
                *_, terminated, truncated = envs.step(policy.chosen(torch.from_numpy(envs.obs)))
                if terminated[0] or truncated[0]:
                    break
            envs.vector.close()
        return torch.from_numpy(np.stack(drawn))


@dataclass(frozen=True)
class Policy:
    """A trained policy, which acts in the fixed-horizon task and in the environment itself.

    ``size`` is that of the observations that it was trained with, ``flagged`` or not.
    """

    net: ActorCritic
    size: int
    flagged: bool
    device: torch.device

    @cached_property
    def acting(self) -> Acting:
        """The network as it acts."""
        return self.net.acting()

    @torch.no_grad()
    def chosen(self, obs: Tensor, streams: list[torch.Generator] | None = None) -> Array:
        """Actions for (N, d): the most likely ones, or drawn with a stream for each chunk."""
        taken = []
        for i, start in enumerate(range(0, len(obs), CHUNK)):
            part = self._seen(obs[start : start + CHUNK])
            seen = torch.zeros(CHUNK, self.size)
            seen[: len(part)] = part
            out = self.acting.out(self.acting.seen(seen.to(self.device)))
            if streams is None:
                action = self.acting.best(out)
            else:
                action = self.acting.drawn(out, self.net.noise(1, CHUNK, streams[i])[0])
            taken.append(action[: len(part)].cpu())
        made: Array = torch.cat(taken).numpy()
        return made

    def _seen(self, obs: Tensor) -> Tensor:
        """Observations as in training: with a flag that says "in play", or without the flag."""
        if self.flagged and obs.shape[1] == self.size - 1:
            return torch.cat([obs, torch.zeros(len(obs), 1)], 1)
        return obs[:, : self.size]


def trained(frozen: FrozenView) -> Policy:
    """The policy that was trained. Raises ComposeError if there is none, or no task."""
    flagged = task_of(frozen.info).flagged
    return Policy(policy_of(frozen.net), frozen.spaces["obs"].size, flagged, frozen.device)


def streams_of(seed: int, n: int, device: torch.device) -> list[torch.Generator]:
    """The random streams that ``n`` actions are drawn from, one for each chunk of them."""
    chunks = range(-(-n // CHUNK))
    names = ["actions" if i == 0 else f"actions of chunk {i}" for i in chunks]
    return [torch.Generator(device).manual_seed(seed_for(seed, name)) for name in names]


def task_of(facts: Mapping[str, object]) -> Task:
    """The task of the demonstrations. Raises ComposeError if the data have none."""
    task = facts.get("task")
    if not isinstance(task, Task):
        message = "the dataset has no task to act in; choose a dataset of demonstrations."
        raise ComposeError(message)
    return task


def policy_of(net: nn.Module) -> ActorCritic:
    """The generator as a policy. Raises ComposeError if it cannot act."""
    if not all(hasattr(net, name) for name in ("acting", "noise", "judged")):
        message = (
            "the generator is not a policy: it lacks acting, noise or judged. Architectures that "
            "have them: imitator (ganzoo-gail)."
        )
        raise ComposeError(message)
    return cast("ActorCritic", net)


def played(
    policy: Policy | None,
    task: Task,
    n: int,
    *,
    seed: int,
    greedy: bool,
    kept: dict[str, list[list[Array]]] | None = None,
) -> dict[str, Tensor]:
    """Play ``n`` whole episodes: ``return`` and ``length``, float64, and ``terminated``, (n,) each.

    Without a policy, actions are random. ``kept`` receives each episode's ``obs`` and ``action``.
    """
    envs = Envs(task, n, seed=seed_for(seed, "episodes"))
    streams = streams_of(seed, n, torch.device("cpu") if policy is None else policy.device)
    earned, length = np.zeros(n), np.zeros(n)
    ended, terminal = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    while not ended.all():
        obs = envs.obs
        if policy is None:
            action = task.actions.drawn(n, streams[0])
        else:
            action = policy.chosen(torch.from_numpy(obs), None if greedy else streams)
        if kept is not None:
            for i in np.flatnonzero(~ended):
                kept["obs"][i].append(obs[i])
                kept["action"][i].append(action[i])
        _, reward, terminated, truncated = envs.step(action)
        earned += reward * ~ended
        length += ~ended
        terminal |= terminated & ~ended
        ended |= terminated | truncated
    envs.vector.close()
    values = {"return": earned, "length": length, "terminated": terminal}
    return {name: torch.from_numpy(value) for name, value in values.items()}
