"""The sampler that acts: it deals steps from episodes that the policy has played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeInt, PositiveInt

from ganzoo.engine.streams import seed_for
from ganzoo.errors import ComposeError, listed
from ganzoo.parts.needs import reads
from ganzoo_gail.cloning import clone
from ganzoo_gail.envs import Envs
from ganzoo_gail.episodes import Episodes, policy_of, task_of
from ganzoo_gail.playing import Playing
from ganzoo_gail.policy import observe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

    from ganzoo.engine.step import Step
    from ganzoo.parts.part import Loss, Player
    from ganzoo.parts.protocols import GameView

SCORES = torch.linspace(-10, 10, 41)
"""The scores, as logits, at which ``remarks`` looks at the sign of a reward."""


class Rollout(Episodes):
    """GAIL's sampler: rollouts of the policy against the expert (arXiv:1606.03476, algorithm 1).

    The discriminator's turn deals pairs of the expert and of the policy. The generator's turn makes
    rewards from scores, estimates advantages (arXiv:1506.02438) and deals minibatches. Both turns
    of a round use the same rollout.
    """

    deals = ("real", "fake", "obs", "action", "old_log_prob", "advantage", "target")

    envs: PositiveInt = Field(default=8, le=4096, description="environments played in parallel")
    steps: PositiveInt = Field(
        default=128, le=100_000, description="steps of each environment in one rollout"
    )
    updates: PositiveInt = Field(
        default=8, le=10_000, description="discriminator steps per rollout"
    )
    epochs: PositiveInt = Field(default=6, le=10_000, description="policy epochs per rollout")
    minibatches: PositiveInt = Field(
        default=4, le=100_000, description="minibatches per epoch, one step each"
    )
    gamma: float = Field(default=0.99, ge=0, le=1, description="discount per step")
    gae_lambda: float = Field(default=0.95, ge=0, le=1, description="the lambda of GAE")
    reward: Literal["loss", "log-ratio", "normalized", "task"] = Field(
        default="loss",
        description="the negated generator loss; the score (AIRL's log-ratio, arXiv:1710.11248); "
        "the score standardized in each rollout; or the task's own",
    )
    scale: bool = Field(
        default=True, description="divide rewards by the running deviation of discounted returns"
    )
    clone: NonNegativeInt = Field(
        default=0, le=10_000_000, description="steps of behaviour cloning before the first round"
    )

    def start(self, game: GameView) -> Playing:
        """Start the environments, and clone the expert first if ``clone`` asks for it."""
        task = task_of(game.data.info)
        net = policy_of(game.nets["generator"])
        observe(net, game.train.column("obs"))
        clone(net, game, steps=self.clone)
        return Playing(Envs(task, self.envs, seed=seed_for(game.seed, "environments")))

    def draw(self, player: Player, game: GameView) -> dict[str, Tensor]:
        """A rollout new to this player; for the discriminator also the rows of its minibatches."""
        state: Playing = game.state_of(self)
        if player in state.seen or not state.rollout:
            state.play(game, self.steps)
        state.seen.append(player)
        if player == "generator":
            return state.rollout
        batch, count = game.batch, self.envs * self.steps
        mine = torch.randint(
            count, (self.updates, batch), generator=game.latents, device=game.device
        )
        rows = game.order.take(self.updates * batch).view(self.updates, batch)
        return {**state.rollout, "rows": rows, "mine": mine}

    def deal(self, player: Player, game: GameView, drawn: dict[str, Tensor]) -> Iterator[Step]:
        """Minibatches of pairs for the discriminator, of PPO's values for the generator."""
        if player == "discriminator":
            for rows, mine in zip(drawn["rows"], drawn["mine"], strict=True):
                real = game.train.column("real", rows)
                yield game.step(player, real=real, fake=drawn["pair"][mine])
            return
        values = self._estimated(game, drawn)
        count = self.envs * self.steps
        for _ in range(self.epochs):
            order = torch.randperm(count, generator=game.latents, device=game.device)
            for rows in order.chunk(self.minibatches):
                step = {name: value[rows] for name, value in values.items()}
                step["advantage"] = standard(step["advantage"])
                yield game.step(player, **step)
        # Only now: new statistics change the policy, and PPO's ratios must start at 1.
        observe(game.nets["generator"], values["obs"])

    @torch.no_grad()
    def _estimated(self, game: GameView, rollout: dict[str, Tensor]) -> dict[str, Tensor]:
        """PPO's inputs, flattened: observations, actions, advantages and value targets."""
        state: Playing = game.state_of(self)
        reward = self._rewards(game, rollout)
        ended = rollout["terminated"] | rollout["truncated"]
        if self.scale:
            reward = reward / state.deviation(reward, ended, self.gamma)
        advantage = advantages(
            reward,
            rollout["value"],
            self._next_values(rollout),
            ended,
            gamma=self.gamma,
            decay=self.gae_lambda,
        )
        values = {
            "obs": rollout["obs"],
            "action": rollout["action"],
            "old_log_prob": rollout["log_prob"],
            "advantage": advantage,
            "target": advantage + rollout["value"],
        }
        return {name: value.flatten(0, 1) for name, value in values.items()}

    @staticmethod
    def _next_values(rollout: dict[str, Tensor]) -> Tensor:
        """The value after each step; at a truncated end its last observation's, else zero."""
        after = torch.cat([rollout["value"][1:], rollout["last"][None]])
        after = torch.where(rollout["truncated"], rollout["rest"], after)
        return after.masked_fill(rollout["terminated"], 0.0)

    # -------------------------------------------------------------------------------------- rewards

    def _rewards(self, game: GameView, rollout: dict[str, Tensor]) -> Tensor:
        if self.reward == "task":
            return rollout["earned"]
        step = game.step("generator")
        if not game.plays("score"):
            message = (
                f"reward '{self.reward}' comes from the discriminator, which has no turns here; "
                "set rollout.reward=task to learn from the task's own reward."
            )
            raise ComposeError(message)
        score = step.score(rollout["pair"])
        rows = torch.randint(
            len(game.train), (len(score),), generator=game.latents, device=game.device
        )
        real = step.score(game.train.column("real", rows))
        return self._reward(game.variant.loss, score, real).view_as(rollout["earned"])

    def _reward(self, loss: Loss, score: Tensor, real: Tensor) -> Tensor:
        if self.reward == "log-ratio":
            return score
        if self.reward == "normalized":
            return standard(score)
        values = {"fake_score": score, "real_score": real}
        term = getattr(loss, "generator", None)
        if term is None or not set(reads(term)) <= values.keys():
            needs = listed(reads(term)) if term else "nothing, as it has no generator's term"
            message = (
                f"the reward is the generator's loss '{loss.name}', which reads {needs}; a "
                "policy's pairs offer fake_score, real_score. Set rollout.reward=log-ratio."
            )
            raise ComposeError(message)
        reward: Tensor = -term(**{name: values[name] for name in reads(term)})
        return reward.expand_as(score)

    def remarks(self, game: GameView) -> Iterable[str]:
        """The sign of the reward, and what it encourages if episodes can end early."""
        if self.reward == "task":
            return ["The reward is the task's own: nothing is imitated."]
        if self.reward == "normalized":
            return ["The reward has mean 0 in every rollout, so it favours no episode length."]
        reward = self._reward(game.variant.loss, SCORES, torch.zeros_like(SCORES))
        low, high = float(reward.min()), float(reward.max())
        loss = f"the negated generator loss '{game.variant.loss.name}',"
        source = "the score itself," if self.reward == "log-ratio" else loss
        if low >= 0:
            told = "is never negative: it rewards survival, even with an untrained discriminator"
        elif high <= 0:
            told = "is never positive: it rewards ending an episode early"
        else:
            told = "can have either sign: the discriminator decides whether survival is rewarded"
        where = (
            "All episodes of this task are equally long, so this does no harm."
            if task_of(game.data.info).horizon == "fixed"
            else "Episodes of this task can end, so compare with an untrained discriminator."
        )
        return [f"The reward, {source} {told}. {where}"]


def advantages(
    reward: Tensor, value: Tensor, after: Tensor, ended: Tensor, *, gamma: float, decay: float
) -> Tensor:
    """Generalized advantage estimates, (steps, envs) (Schulman et al. 2015, arXiv:1506.02438).

    ``after`` is the value after each step: zero if the episode terminated there, that of its last
    observation if it was truncated. The sum stops at the end of each episode.
    """
    errors = (reward + gamma * after - value).cpu().numpy()
    going_on = (gamma * decay * ~ended).cpu().numpy()
    summed, found = np.zeros_like(errors[0]), np.empty_like(errors)
    for t in reversed(range(len(errors))):
        found[t] = summed = errors[t] + going_on[t] * summed
    return torch.from_numpy(found).to(reward.device)


def standard(x: Tensor) -> Tensor:
    """Standardize numbers to mean 0 and standard deviation 1."""
    return (x - x.mean()) / (x.std() + 1e-8)
