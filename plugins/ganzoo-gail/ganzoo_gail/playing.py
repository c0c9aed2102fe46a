"""The state of a sampler that acts: its environments, and the rollout that was played last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from ganzoo.engine.memory_format import under
from ganzoo_gail.episodes import policy_of
from ganzoo_gail.pairs import pairs_of
from ganzoo_gail.policy import RunningNorm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.parts.part import Player
    from ganzoo.parts.protocols import GameView
    from ganzoo_gail.envs import Envs
    from ganzoo_gail.policy import Acting


@dataclass
class Playing:
    """The state of a game's rollouts: environments, the last rollout, and reward statistics."""

    envs: Envs
    rollout: dict[str, Tensor] = field(default_factory=dict)
    seen: list[Player] = field(default_factory=list)
    returns: Tensor = field(default_factory=lambda: torch.zeros(1))
    spread: RunningNorm = field(default_factory=lambda: RunningNorm(1))

    @torch.no_grad()
    def play(self, game: GameView, steps: int) -> None:
        """Play a rollout, which nobody has seen: tensors (steps, envs, ...) on the game's device.

        ``last`` are the values after its last step, (envs,), and ``pair`` its pairs, flattened.
        """
        net, device = policy_of(game.nets["generator"]), game.device
        acting, noise = net.acting(), net.noise(steps, self.envs.n, game.latents)
        rest = torch.zeros(noise.shape[:2], device=device)
        with torch.inference_mode():
            played = [self._step(acting, *of_step) for of_step in zip(noise, rest, strict=True)]
        made = {name: torch.stack([step[name] for step in played]).to(device) for name in played[0]}
        made["rest"] = rest
        flat = {name: made[name].flatten(0, 1) for name in ("obs", "out", "action")}
        log_prob, _ = net.judged(flat.pop("out"), flat["action"])
        made["log_prob"] = log_prob.view(noise.shape[:2])
        made["last"] = acting.value(acting.seen(torch.from_numpy(self.envs.obs).to(device)))
        made["pair"] = pairs_of(game.data.info)(**flat)
        self.rollout, self.seen = made, []

    def _step(self, acting: Acting, noise: Tensor, rest: Tensor) -> dict[str, Tensor]:
        """One step of each environment: what was met, done and earned, (envs, ...) each.

        Where it cuts an episode off, ``rest`` is written: the value of what would have come.
        """
        obs, device = torch.from_numpy(self.envs.obs), noise.device
        seen = acting.seen(obs.to(device))
        out, value = acting.out(seen), acting.value(seen)
        action = acting.drawn(out, noise)
        stepped = self.envs.step(action.cpu().numpy())
        after, earned, terminated, truncated = map(torch.from_numpy, stepped)
        if truncated.any():  # which is no failure, so the episode's rest is worth something
            rest[truncated] = acting.value(acting.seen(after[truncated].to(device)))
        return {
            "obs": obs,
            "out": out,
            "action": action,
            "value": value,
            "earned": earned,
            "terminated": terminated,
            "truncated": truncated,
        }

    def deviation(self, reward: Tensor, ended: Tensor, gamma: float) -> Tensor:
        """The standard deviation of discounted returns over all rollouts so far."""
        earned, going_on = reward.cpu().numpy(), ~ended.cpu().numpy()
        returns, seen = self.returns.cpu().numpy(), np.empty_like(earned)
        for t in range(len(earned)):
            seen[t] = returns * gamma + earned[t]
            returns = seen[t] * going_on[t]
        self.returns = torch.from_numpy(returns).to(reward.device)
        self.spread.to(reward.device).observe(torch.from_numpy(seen).to(reward.device).view(-1, 1))
        return self.spread.var.sqrt() + 1e-8

    def state(self) -> dict[str, Tensor]:
        """Everything but the last rollout, which a resumed round replaces."""
        environments = {f"envs.{name}": value for name, value in self.envs.state().items()}
        spread = {f"spread.{name}": value for name, value in self.spread.state_dict().items()}
        return {"returns": self.returns, **environments, **spread}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state; the next turn plays a new rollout.

        Raises ValueError for that of another number of environments.
        """
        returns = state["returns"]
        if returns.shape not in {(1,), (self.envs.n,)}:  # one until the first rollout
            message = f"'returns' has shape {tuple(returns.shape)}, not ({self.envs.n},)"
            raise ValueError(message)
        self.rollout, self.seen, self.returns = {}, [], returns
        self.envs.restore(under(state, "envs."))
        self.spread.load_state_dict(under(state, "spread."))
