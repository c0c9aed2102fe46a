"""Episodes: a policy that is trained, played to see what it earns."""

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


class Episodes(Sampler):
    """What samples a policy: whole episodes of the data's task."""

    def sample(
        self, frozen: FrozenView, n: int, *, seed: int, given: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """What each of ``n`` episodes earned and how long it took, (n,).

        ``episode_return`` and ``episode_length`` of the likeliest actions, ``stochastic_return`` of
        actions at random.
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
        """The policy's actions: choices, (N,), or vectors in [-1, 1], (N, k)."""
        net, seen = policy_of(frozen.net), obs.to(frozen.device)
        if seed is None:
            return net.best(seen).cpu()
        stream = torch.Generator(frozen.device).manual_seed(seed_for(seed, "actions"))
        return net.act(seen, stream)[0].cpu()

    def frames(self, frozen: FrozenView, *, seed: int) -> Tensor | None:
        """The first steps of one episode of the likeliest actions."""
        net, task = policy_of(frozen.net), task_of(frozen.info)
        envs = Envs(task, 1, seed=seed_for(seed, "episodes"), render_mode="rgb_array")
        drawn = []
        for _ in range(min(task.steps, MOST_FRAMES)):
            try:
                drawn.append(np.array(envs.vector.render()[0]))  # type: ignore[index]
            except OverflowError:  # a cart that never falls may drive beyond any picture
                break
            action = chosen(net, envs.obs, device=frozen.device)
            *_, terminated, truncated = envs.step(action)
            if terminated[0] or truncated[0]:
                break
        envs.vector.close()
        return torch.from_numpy(np.stack(drawn))


def task_of(facts: Mapping[str, object]) -> Task:
    """The task that demonstrations are of; ComposeError where the data are of none."""
    task = facts.get("task")
    if not isinstance(task, Task):
        message = "the dataset has no task to act in; name one of demonstrations."
        raise ComposeError(message)
    return task


def policy_of(net: nn.Module) -> ActorCritic:
    """The generator as a policy; ComposeError where it cannot act."""
    if not all(hasattr(net, name) for name in ("act", "best", "value")):
        message = (
            "the generator is no policy: it lacks act, best or value. Architectures that have "
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
    """A policy's actions: the likeliest, or drawn on a stream."""
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
    """``return`` and ``length`` of ``n`` whole episodes, float64, (n,), and which ``terminated``.

    Without a policy the actions are uniformly random. ``kept`` is filled with each episode's
    ``obs`` and ``action``.
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
