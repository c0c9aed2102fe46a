"""Episodes of a trained policy, to measure its return and to film it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from ganzoo.engine.streams import seed_for
from ganzoo.errors import ComposeError
from ganzoo.parts.part import Sampler
from ganzoo_gail.tasks import Envs, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from ganzoo.parts.protocols import FrozenView
    from ganzoo_gail.policy import ActorCritic

MOST_FRAMES = 500
"""The longest film, in frames."""


class Episodes(Sampler):
    """A sampler whose samples are whole episodes of the data's task."""

    def sample(
        self, frozen: FrozenView, n: int, *, seed: int, given: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Returns and lengths of ``n`` episodes, (n,) each.

        ``episode_return`` and ``episode_length`` are of the most likely actions,
        ``stochastic_return`` of actions drawn from the policy.
        """
        del given
        net, task = policy_of(frozen.net), task_of(frozen.info)
        greedy = played(net, task, n, seed=seed, greedy=True, device=frozen.device)
        random = played(net, task, n, seed=seed, greedy=False, device=frozen.device)
        return {
            "episode_return": greedy["return"],
            "episode_length": greedy["length"],
            "stochastic_return": random["return"],
        }

    @torch.no_grad()
    def act(self, frozen: FrozenView, obs: Tensor, *, seed: int | None = None) -> Tensor:
        """Actions for observations, (N, d): choices, int64, (N,), or vectors in [-1, 1], (N, k).

        The most likely ones, or with a seed drawn from the policy.
        """
        net, seen = policy_of(frozen.net), obs.to(frozen.device)
        if seed is None:
            return net.best(seen).cpu()
        stream = torch.Generator(frozen.device).manual_seed(seed_for(seed, "actions"))
        return net.act(seen, stream)[0].cpu()

    def frames(self, frozen: FrozenView, *, seed: int) -> Tensor | None:
        """One episode of the most likely actions, uint8, (T, H, W, 3), T at most 500."""
        net, task = policy_of(frozen.net), task_of(frozen.info)
        envs = Envs(task, 1, seed=seed_for(seed, "episodes"), render_mode="rgb_array")
        drawn = []
        for _ in range(min(task.steps, MOST_FRAMES)):
            try:
                drawn.append(np.array(envs.vector.render()[0]))  # type: ignore[index]
            except OverflowError:  # a cart driven far enough leaves the range of pixel numbers
                break
            action = chosen(net, envs.obs, device=frozen.device)
            *_, terminated, truncated = envs.step(action)
            if terminated[0] or truncated[0]:
                break
        envs.vector.close()
        return torch.from_numpy(np.stack(drawn))


def task_of(facts: Mapping[str, object]) -> Task:
    """The task of the demonstrations. Raises ComposeError if the data have none."""
    task = facts.get("task")
    if not isinstance(task, Task):
        message = "the dataset has no task to act in; choose a dataset of demonstrations."
        raise ComposeError(message)
    return task


def policy_of(net: nn.Module) -> ActorCritic:
    """The generator as a policy. Raises ComposeError if it cannot act."""
    if not all(hasattr(net, name) for name in ("act", "best", "value")):
        message = (
            "the generator is not a policy: it lacks act, best or value. Architectures that have "
            "them: imitator (ganzoo-gail)."
        )
        raise ComposeError(message)
    return cast("ActorCritic", net)


@torch.no_grad()
def chosen(
    net: ActorCritic,
    obs: np.ndarray,
    *,
    device: torch.device,
    stream: torch.Generator | None = None,
) -> np.ndarray:
    """A policy's actions: the most likely, or with a stream drawn from the policy."""
    seen = torch.from_numpy(obs).to(device)
    action = net.best(seen) if stream is None else net.act(seen, stream)[0]
    return action.cpu().numpy()


def played(
    net: ActorCritic | None,
    task: Task,
    n: int,
    *,
    seed: int,
    greedy: bool,
    device: torch.device = torch.device("cpu"),  # noqa: B008
    kept: dict[str, list[list[np.ndarray]]] | None = None,
) -> dict[str, Tensor]:
    """Play ``n`` whole episodes: ``return`` and ``length``, float64, and ``terminated``, (n,) each.

    Without a policy, actions are uniformly random. ``kept`` receives each episode's ``obs`` and
    ``action``.
    """
    envs = Envs(task, n, seed=seed_for(seed, "episodes"))
    stream = torch.Generator(device).manual_seed(seed_for(seed, "actions"))
    space = task.spaces["action"]
    earned, length = np.zeros(n), np.zeros(n)
    ended, terminal = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    while not ended.all():
        obs = envs.obs
        if net is not None:
            action = chosen(net, obs, device=device, stream=None if greedy else stream)
        elif space.classes is not None:
            action = torch.randint(space.classes, (n,), generator=stream).numpy()
        else:
            action = (torch.rand(n, space.size, generator=stream) * 2 - 1).numpy()
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
