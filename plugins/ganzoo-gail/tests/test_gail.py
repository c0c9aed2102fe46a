"""GAIL: tasks, advantages, objectives and demonstrations are what they say, and a policy learns."""

from __future__ import annotations

import json
import sys
from itertools import product
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import pytest
import safetensors.torch
import torch
from ganzoo_gail.datasets import Cartpole, Demonstrations, Minari
from ganzoo_gail.environments import FixedHorizon
from ganzoo_gail.envs import Envs
from ganzoo_gail.episodes import played
from ganzoo_gail.objectives import Cloning, EntropyBonus, PpoClip
from ganzoo_gail.playing import Playing
from ganzoo_gail.policy import ActorCritic, Imitator, RunningNorm
from ganzoo_gail.returns import NormalizedReturn
from ganzoo_gail.rollout import Rollout, advantages
from ganzoo_gail.tasks import CartPoles, Task
from gymnasium.wrappers import TimeLimit

import ganzoo
from ganzoo.engine.explain import explain
from ganzoo.engine.game import Game
from ganzoo.engine.host import suits_cpu
from ganzoo.engine.scoring import measure_game
from ganzoo.errors import ComposeError, DataError, OptionError, ZooError
from ganzoo.parts.part import Loss
from ganzoo.parts.space import Space
from ganzoo.pretrained.render import write_samples

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.plugins.zoo import Zoo

SHORT = ["rollout.envs=2", "rollout.steps=16", "rollout.epochs=2", "rollout.updates=2", "batch=16"]
"""Settings of a rollout that takes a moment."""


@pytest.fixture(scope="module")
def zoo() -> Zoo:
    return ganzoo.default_zoo()


def game_of(zoo: Zoo, variant: str = "gail", *settings: str, **parts: Any) -> Game:
    data = zoo.dataset("cartpole", settings)
    return Game(zoo.compose(variant, settings=[*SHORT, *settings], **parts), data.load())


# ------------------------------------------------------------------------------------------- tasks


def test_many_cartpoles_move_as_one_does() -> None:
    one: Any = gymnasium.make("CartPole-v1").unwrapped
    many = CartPoles(3, steps=500, fixed=False, render_mode=None)
    obs, _ = many.reset(seed=[1, 2, 3])
    one.reset(seed=0)
    one.state = tuple(many.state[:, 1])
    for action in (0, 1, 1, 0, 1):
        alone, reward, terminated, _, _ = one.step(action)
        obs, rewards, terminals, _, _ = many.step(np.array([0, action, 1]))
        np.testing.assert_allclose(obs[1], alone, rtol=1e-6)
        assert (rewards[1], terminals[1]) == (reward, terminated)


def test_a_fixed_cartpole_pays_within_the_limits_only_and_takes_500_steps() -> None:
    envs = Envs(Task(env="CartPole-v1", horizon="fixed"), 2, seed=0)
    rewards, ends = [], []
    for _ in range(500):
        _, reward, terminated, truncated = envs.step(np.array([1, 1]))
        rewards.append(reward)
        ends.append(truncated)
        assert not terminated.any()
    earned = np.stack(rewards)
    assert earned[:8].all()
    assert not earned[20:100].any()
    assert np.stack(ends).sum(0).tolist() == [1, 1]
    assert ends[-1].all()


def test_the_cartpole_of_the_task_ends_where_the_pole_has_fallen() -> None:
    envs = Envs(Task(env="CartPole-v1"), 4, seed=0)
    for _ in range(12):
        after, _, terminated, truncated = envs.step(np.ones(4, dtype=np.int64))
        for i in np.flatnonzero(terminated):
            assert abs(after[i, 2]) > 0.2
            assert abs(envs.obs[i]).max() <= 0.05
    assert envs.episodes.min() == 1
    assert not truncated.any()
    assert envs.begun.min() == 0  # what was done before the oldest episode is forgotten
    assert len(envs.taken) < 12


class Corridor(gymnasium.Env[Any, Any]):
    """Ends after three steps."""

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    observation_space = gymnasium.spaces.Box(0, 9, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, **_: Any) -> tuple[Any, dict[str, Any]]:
        self.at = 0
        return np.zeros(1), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.at += 1
        return np.full(1, self.at), -1.0, self.at == 3, False, {}


def test_where_a_task_has_ended_nothing_moves_and_nothing_is_earned() -> None:
    env = FixedHorizon(Corridor(), 5)
    assert env.reset()[0].tolist() == [0, 0]
    steps = [env.step(0) for _ in range(5)]
    assert [obs.tolist() for obs, *_ in steps] == [[1, 0], [2, 0], [0, 1], [0, 1], [0, 1]]
    assert [reward for _, reward, *_ in steps] == [-1, -1, -1, 0, 0]
    assert [truncated for *_, truncated, _ in steps] == [False, False, False, False, True]
    assert not any(terminated for _, _, terminated, _, _ in steps)


@pytest.mark.parametrize(("name", "horizon"), [("CartPole-v1", "task"), ("Acrobot-v1", "fixed")])
def test_environments_are_taken_up_exactly_where_they_stood(name: str, horizon: Any) -> None:
    task = Task(env=name, horizon=horizon)
    actions = np.random.default_rng(0).integers(0, 2, (70, 3))
    one, other = Envs(task, 3, seed=5), Envs(task, 3, seed=5)
    for action in actions[:50]:
        one.step(action)
    other.restore(one.state())
    np.testing.assert_array_equal(one.obs, other.obs)
    for action in actions[50:]:
        for mine, its in zip(one.step(action), other.step(action), strict=True):
            np.testing.assert_array_equal(mine, its)


def test_episodes_of_different_ages_are_taken_up_where_some_end_on_the_way() -> None:
    task = Task(env="CartPole-v1")
    sync = gymnasium.vector.SyncVectorEnv
    make = [lambda: TimeLimit(gymnasium.make("CartPole-v1").unwrapped, 500)] * 3

    def envs() -> Envs:
        made = Envs(task, 3, seed=5)
        made.vector = sync(make, autoreset_mode=gymnasium.vector.AutoresetMode.DISABLED)
        made.obs = made._reset(np.ones(3, dtype=bool))
        return made

    one, other = envs(), envs()
    for t in range(60):
        one.step(np.array([1, t % 2, (t // 2) % 2]))
    assert len(set(one.begun)) > 1
    other.restore(one.state())
    np.testing.assert_array_equal(one.obs, other.obs)
    for mine, its in zip(one.step(np.zeros(3, int)), other.step(np.zeros(3, int)), strict=True):
        np.testing.assert_array_equal(mine, its)


# ------------------------------------------------------------------------------- policy, objectives


def test_a_running_norm_knows_the_mean_and_variance_of_all_it_observed() -> None:
    x = torch.randn(100, 3) * torch.tensor([1.0, 5.0, 0.1]) + 2
    norm = RunningNorm(3)
    for part in x.split([10, 60, 30]):
        norm.observe(part)
    torch.testing.assert_close(norm.mean, x.mean(0))
    torch.testing.assert_close(norm.var, x.var(0, correction=0))
    frozen = RunningNorm(3, running=False)
    frozen.observe(x[:10])
    frozen.observe(x[10:])
    torch.testing.assert_close(frozen.mean, x[:10].mean(0))


def test_a_policys_likelihoods_are_those_of_torchs_distributions() -> None:
    obs = torch.randn(6, 4)
    for space in (Space(classes=3), Space(shape=(2,), bounded=True)):
        norm = RunningNorm(4)
        norm.observe(5 + 3 * torch.randn(50, 4))
        policy = ActorCritic(Space(shape=(4,)), space, [8], norm)
        for param in policy.parameters():
            torch.nn.init.normal_(param)
        acting, noise = policy.acting(), policy.noise(1, 6, torch.Generator().manual_seed(0))
        seen = acting.seen(obs)
        action = acting.drawn(acting.out(seen), noise[0])
        heads = policy(obs, action)
        out = policy.actor(policy.norm(obs))
        if space.classes:
            assert torch.equal(action, (out + noise[0]).argmax(1))
            expected: Any = torch.distributions.Categorical(logits=out)
        else:
            assert policy.log_std is not None
            torch.testing.assert_close(action, out + policy.log_std.exp() * noise[0])
            normal = torch.distributions.Normal(out, policy.log_std.exp())
            expected = torch.distributions.Independent(normal, 1)
        torch.testing.assert_close(heads["log_prob"], expected.log_prob(action))
        torch.testing.assert_close(heads["entropy"], expected.entropy())
        torch.testing.assert_close(acting.value(seen), heads["value"])
        assert torch.equal(acting.out(seen), policy.actor(policy.norm(obs)))


def test_choices_are_drawn_as_often_as_they_are_likely() -> None:
    policy = ActorCritic(Space(shape=(1,)), Space(classes=2), [4], RunningNorm(1))
    torch.nn.init.zeros_(policy.actor[-1].weight)  # type: ignore[arg-type]
    policy.actor[-1].bias.data = torch.tensor([0.0, log(3)])  # type: ignore[operator]
    acting, noise = policy.acting(), policy.noise(1, 20_000, torch.Generator().manual_seed(0))
    action = acting.drawn(acting.out(acting.seen(torch.zeros(20_000, 1))), noise[0])
    assert abs(action.float().mean() - 0.75) < 0.01


def test_the_surrogate_stops_where_the_ratio_is_clipped() -> None:
    ratio = torch.tensor([1.5, 0.5, 1.5, 0.5])
    advantage = torch.tensor([1.0, 1.0, -1.0, -1.0])
    zero = torch.zeros(4)
    loss = PpoClip(clip=0.2).generator(ratio.log(), zero, advantage, zero, zero)
    torch.testing.assert_close(loss, torch.tensor([-1.2, -0.5, 1.5, 0.8]))
    of_value = PpoClip().generator(zero, zero, zero, torch.full((4,), 3.0), torch.ones(4))
    torch.testing.assert_close(of_value, torch.full((4,), 2.0))
    torch.testing.assert_close(EntropyBonus().generator(ratio), -ratio)
    torch.testing.assert_close(Cloning().generator(ratio), -ratio)


def test_advantages_are_sums_that_no_end_of_an_episode_lets_through() -> None:
    reward, value = torch.ones(4, 1), torch.full((4, 1), 2.0)
    after = torch.tensor([[2.0], [0.0], [5.0], [2.0]])  # terminated, then cut off at a value of 5
    ended = torch.tensor([[False], [True], [True], [False]])
    found = advantages(reward, value, after, ended, gamma=0.5, decay=0.5)
    # errors: 1 + 1 - 2, 1 + 0 - 2, 1 + 2.5 - 2, 1 + 1 - 2
    torch.testing.assert_close(found, torch.tensor([[-0.25], [-1.0], [1.5], [0.0]]))


# ---------------------------------------------------------------------------------------- rollouts


def test_one_rollout_serves_both_players_and_the_next_round_plays_another(zoo: Zoo) -> None:
    game = game_of(zoo)
    sampler = game.variant.sampler
    state = game.state_of(sampler)
    discriminator_heads = sampler.draw("discriminator", game)
    assert sampler.draw("generator", game)["pair"] is discriminator_heads["pair"]
    again = sampler.draw("discriminator", game)
    assert not torch.equal(again["pair"], discriminator_heads["pair"])
    assert state.seen == ["discriminator"]
    steps = list(sampler.deal("discriminator", game, again))
    assert len(steps) == 2
    assert steps[0]["real"].shape == steps[0]["fake"].shape == (16, 6)


def test_the_first_ratios_of_a_rollout_are_one(zoo: Zoo) -> None:
    game = game_of(zoo)
    drawn = game.variant.sampler.draw("generator", game)
    step = next(iter(game.variant.sampler.deal("generator", game, drawn)))
    torch.testing.assert_close(step["log_prob"], step["old_log_prob"])
    assert abs(step["advantage"].mean()) < 1e-5


@pytest.mark.parametrize("space", [Space(classes=3), Space(shape=(3,), bounded=True)])
def test_what_a_step_is_drawn_with_does_not_depend_on_the_steps_of_a_rollout(space: Space) -> None:
    policy = ActorCritic(Space(shape=(4,)), space, [8], RunningNorm(4))
    stream = torch.Generator().manual_seed(0)
    noise = policy.noise(7, 2, torch.Generator().manual_seed(0))
    assert torch.equal(noise, torch.cat([policy.noise(1, 2, stream) for _ in range(7)]))


@pytest.mark.parametrize("variant", ["gail", "behaviour-cloning", "ppo"])
def test_a_small_policy_is_for_the_cpu_and_a_large_one_for_a_gpu(zoo: Zoo, variant: str) -> None:
    assert suits_cpu(ganzoo.compose(variant, zoo=zoo))
    large = ganzoo.compose(variant, zoo=zoo, settings=["imitator.hidden=1024"])
    assert not suits_cpu(large)


def test_the_value_of_a_cut_off_episode_is_of_its_last_observation(zoo: Zoo) -> None:
    game = game_of(zoo, "gail", "rollout.steps=500", "rollout.envs=1")
    running, after = game.state_of(game.variant.sampler).envs, []
    step = running.step

    def noted(action: Any) -> Any:
        found = step(action)
        after.append(torch.from_numpy(found[0].copy()))
        return found

    running.step = noted
    rollout = game.variant.sampler.draw("generator", game)
    policy: Any = game.nets["generator"]

    def value(obs: Tensor) -> Tensor:
        found: Tensor = policy(obs, rollout["action"][0])["value"]
        return found.detach()

    torch.testing.assert_close(rollout["rest"][499], value(after[499]))
    torch.testing.assert_close(rollout["last"], value(torch.from_numpy(running.obs)))
    assert rollout["truncated"].flatten().nonzero().tolist() == [[499]]
    envs = Envs(Task(env="CartPole-v1", horizon="fixed"), 1, seed=0)
    envs.vector.reset(seed=[0])
    assert rollout["rest"][499] != 0
    assert rollout["rest"][:499].abs().sum() == 0
    # The first observation of the next episode has another value.
    first = policy(rollout["obs"][0], rollout["action"][0])["value"]
    assert not torch.allclose(rollout["rest"][499], first)


def test_rewards_are_scaled_by_the_deviation_of_all_discounted_returns() -> None:
    envs: Any = None
    playing, going_on = Playing(envs), torch.zeros(2, 1, dtype=torch.bool)
    playing.deviation(torch.ones(2, 1), going_on, 0.5)
    found = playing.deviation(torch.ones(2, 1), torch.tensor([[True], [False]]), 0.5)
    returns = torch.tensor([1.0, 1.5, 1.75, 1.0])  # the second episode begins after the third
    torch.testing.assert_close(found, returns.std(correction=0).view(1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "sign"),
    [
        ("minimax", "never negative: it rewards survival"),
        ("non-saturating", "never positive: it rewards ending"),
        ("least-squares", "never positive"),
        ("hinge", "either sign"),
        ("wasserstein", "either sign"),
    ],
)
def test_explain_says_which_sign_a_losss_reward_has(zoo: Zoo, loss: str, sign: str) -> None:
    told = explain("gail", loss=loss, settings=[*SHORT, "data.horizon=task"], zoo=zoo)
    (remark,) = told["remarks"]
    assert sign in remark
    assert "Episodes of this task can end" in remark
    fixed = explain("gail", loss=loss, settings=SHORT, zoo=zoo)["remarks"][0]
    assert "equally long" in fixed


def test_rewards_are_what_their_option_says(zoo: Zoo) -> None:
    score = torch.randn(32)
    loss = zoo.compose("gail").loss
    reward = {
        kind: Rollout(reward=kind)._reward(loss, score, score)  # type: ignore[arg-type]
        for kind in ("loss", "log-ratio", "normalized")
    }
    torch.testing.assert_close(reward["loss"], -torch.log(1 - torch.sigmoid(score)))
    torch.testing.assert_close(reward["log-ratio"], score)
    torch.testing.assert_close(reward["normalized"].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)


def test_a_loss_that_gives_no_reward_is_refused_with_the_option_that_does(zoo: Zoo) -> None:
    with pytest.raises(ComposeError, match="Set rollout.reward=log-ratio"):
        Rollout()._reward(Cloning(), torch.zeros(2), torch.zeros(2))
    with pytest.raises(ComposeError, match="rollout.reward=task"):
        game_of(zoo, "ppo", "rollout.reward=loss")


def test_a_policy_needs_a_task_and_a_task_needs_a_policy(zoo: Zoo) -> None:
    with pytest.raises(ComposeError, match="from 'obs'; the dataset and the sampler offer"):
        Game(zoo.compose("gail"), zoo.dataset("ring").load())
    with pytest.raises(ComposeError, match="architecture 'mlp' builds its .* from 'z'"):
        game_of(zoo, architecture="mlp")


class Third(Loss):
    """A stranger's loss: least squares between -1 and 1."""

    name = "third"

    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        return (real_score - 1).square() + (fake_score + 1).square()

    def generator(self, fake_score: Tensor) -> Tensor:
        return (fake_score - 1).square()


@pytest.mark.parametrize("loss", ["hinge", "non-saturating", "least-squares", "wasserstein"])
def test_any_adversarial_loss_and_penalty_mixes_with_gail_by_flags_alone(
    zoo: Zoo, loss: str
) -> None:
    penalties = ["entropy-bonus", "gradient-penalty"]
    game = game_of(zoo, loss=loss, regularizers=penalties)
    for _ in range(2):
        game.round()
    assert list(game.log["discriminator"]) == [loss, "gradient-penalty"]
    assert list(game.log["generator"]) == ["ppo-clip", "entropy-bonus"]
    assert game.is_finite()


def test_a_strangers_loss_makes_the_reward_too(zoo: Zoo) -> None:
    variant = zoo.compose("gail", settings=SHORT)
    third = type(variant).model_validate({**dict(variant), "loss": Third()})
    game = Game(third, Cartpole().load())
    game.round()
    assert game.is_finite()


def test_a_run_goes_on_bit_for_bit_in_the_middle_of_its_episodes(zoo: Zoo) -> None:
    one, other = game_of(zoo), game_of(zoo)
    one.round()
    tensors, facts = one.state()
    saved = {name: tensor.clone() for name, tensor in tensors.items()}
    other.restore(saved, json.loads(json.dumps(facts)))
    one.round()
    other.round()
    mine, its = one.state()[0], other.state()[0]
    assert mine.keys() == its.keys()
    assert all(torch.equal(mine[name], its[name]) for name in mine)


def test_the_plugin_conforms() -> None:
    from ganzoo.testing import check_plugin

    check_plugin("ganzoo_gail")


# ---------------------------------------------------------------------------------- demonstrations


@pytest.mark.parametrize(
    ("name", "horizon"),
    [
        *product(["cartpole", "acrobot", "mountain-car"], ["fixed", "task"]),
        ("pendulum", "task"),
        ("hopper", "task"),
    ],
)
def test_shipped_experts_are_good_and_fit_their_task(zoo: Zoo, name: str, horizon: str) -> None:
    data = zoo.dataset(name, [f"data.horizon={horizon}", "data.trajectories=1"]).load()
    assert data.info["expert_return"] > data.info["random_return"] + 50  # type: ignore[operator]
    assert len(data.train) + len(data.held_out) > 2 * len(data.train)
    obs = data.train.column("obs")
    pairs = data.train.column("real")[:, : obs.shape[1]]
    expected = (obs - obs.mean(0)) / obs.std(0, correction=0).clamp(min=1e-6)
    torch.testing.assert_close(pairs, expected.clamp(-10, 10), atol=1e-4, rtol=1e-4)


def test_what_is_recorded_is_read_again(zoo: Zoo, tmp_path: Path) -> None:
    run = ganzoo.train(
        "ppo",
        data="environment:CartPole-v1",
        rounds=1,
        settings=SHORT,
        out=tmp_path / "run",
        zoo=zoo,
    )
    from ganzoo_gail.demonstrations import record

    path = tmp_path / "mine.safetensors"
    task = Task(env="CartPole-v1")
    facts = record(path, task, run.game.frozen(), episodes=3, seed=0, made_with="test")
    assert facts.random_return == pytest.approx(22, abs=5)
    data = Demonstrations(path=path, trajectories=2).load()
    kept = safetensors.torch.load_file(path)
    assert len(data.train) == int(kept["lengths"][:2].sum()) == int(kept["returns"][:2].sum())
    assert len(data.held_out) == int(kept["lengths"][2])


def file_of(path: Path, facts: dict[str, Any] | None = None, **tensors: Tensor) -> Path:
    whole = {
        "obs": torch.zeros(4, 4),
        "action": torch.zeros(4, dtype=torch.uint8),
        "lengths": torch.tensor([2, 2]),
        "returns": torch.zeros(2),
        **tensors,
    }
    told = {"env": "CartPole-v1", "horizon": "task", "expert_return": 1.0, "random_return": 0.0}
    metadata = {"ganzoo": json.dumps({**told, **(facts or {})})}
    safetensors.torch.save_file(whole, path, metadata)
    return path


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"obs": torch.zeros(4, 3)}, r"observations of shape \(3,\); those of 'CartPole-v1' have"),
        ({"action": torch.full((4,), 2, dtype=torch.uint8)}, "they must be integers in"),
        ({"action": torch.zeros(4, 1)}, "they must be integers in"),
        (
            {"lengths": torch.tensor([2, 3])},
            "incomplete: 4 observations, 4 actions and episodes of 5",
        ),
        (
            {"obs": torch.zeros(0, 4), "action": torch.zeros(0), "lengths": torch.zeros(0).long()},
            "empty",
        ),
        ({"obs": torch.full((4, 4), torch.nan)}, "not finite"),
        ({"facts": {"env": "Pendulum-v1"}}, "observations of shape"),
        ({"facts": {"env": "Nowhere-v3"}}, "no environment 'Nowhere-v3'"),
    ],
)
def test_demonstrations_that_fit_no_task_are_refused(
    tmp_path: Path, broken: dict[str, Any], sentence: str
) -> None:
    path = file_of(tmp_path / "demos.safetensors", **broken)
    with pytest.raises(DataError, match=sentence):
        Demonstrations(path=path, trajectories=1).load()


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no demonstrations at"):
        Demonstrations(path=tmp_path / "nothing").load()
    whole = file_of(tmp_path / "demos.safetensors").read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read as demonstrations"):
        Demonstrations(path=tmp_path / "half").load()
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read as demonstrations"):
        Demonstrations(path=tmp_path / "empty").load()
    safetensors.torch.save_file({"obs": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(DataError, match="its metadata has no key 'ganzoo'"):
        Demonstrations(path=tmp_path / "other").load()
    with pytest.raises(DataError, match="holds 2 episodes, not 3"):
        Demonstrations(path=tmp_path / "demos.safetensors", trajectories=3).load()


@pytest.fixture
def _minari_holds_pendulum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three random episodes in Minari's own storage."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    import minari
    from minari.data_collector import EpisodeBuffer

    env = gymnasium.make("Pendulum-v1")
    env.action_space.seed(0)
    episodes = []
    for seed in range(3):
        seen, actions = [env.reset(seed=seed)[0]], []
        for _ in range(200):
            actions.append(env.action_space.sample())
            seen.append(env.step(actions[-1])[0])
        ends: Any = {"terminations": [False] * 200, "truncations": [False] * 199 + [True]}
        episodes.append(
            EpisodeBuffer(observations=seen, actions=actions, rewards=[-1.0] * 200, **ends)
        )
    minari.create_dataset_from_buffers("pendulum/random-v0", episodes, env="Pendulum-v1")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("_minari_holds_pendulum")
def test_minaris_datasets_are_read_as_the_environment_was_played(zoo: Zoo) -> None:
    import minari

    data = zoo.dataset("minari:pendulum/random-v0", ["data.trajectories=2"]).load()
    first = next(iter(minari.load_dataset("pendulum/random-v0").iterate_episodes()))
    assert (len(data.train), len(data.held_out)) == (400, 200)
    assert data.info["expert_return"] == -200
    expected = torch.from_numpy(first.observations[:-1]).float()
    assert torch.equal(data.train.column("obs")[:200], expected)
    torques = torch.from_numpy(first.actions)
    torch.testing.assert_close(data.train.column("action")[:200], torques / 2)
    Game(zoo.compose("gail", settings=SHORT), data).round()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("_minari_holds_pendulum")
def test_a_dataset_that_minari_does_not_have_is_refused() -> None:
    with pytest.raises(DataError, match="Minari's dataset 'hopper/none-v0' cannot be read"):
        Minari(dataset="hopper/none-v0").load()


def test_without_minari_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(DataError, match=r"pip install 'ganzoo-gail\[minari\]'"):
        Minari(dataset="hopper/expert-v0").load()


# -------------------------------------------------------------------------------- what is earned


def test_the_normalized_return_is_zero_for_random_and_one_for_the_expert() -> None:
    returns = torch.tensor([30.0, 50.0])
    assert NormalizedReturn().measure(returns, 60.0, 20.0) == {"normalized-return": 0.5}


def test_an_expert_as_good_as_random_actions_leaves_no_scale() -> None:
    with pytest.raises(ZooError) as refused:
        NormalizedReturn().measure(torch.tensor([-200.0]), -200.0, -200.0)
    assert str(refused.value) == (
        "the demonstrations' expert is as good as random actions (-200), which leaves no scale for "
        "the return."
    )


def test_random_actions_earn_what_the_file_says(zoo: Zoo) -> None:
    data = zoo.dataset("cartpole", ["data.horizon=task"]).load()
    task: Any = data.info["task"]
    earned = played(None, task, 200, seed=9, greedy=False)["return"].mean()
    assert float(earned) == pytest.approx(data.info["random_return"], rel=0.2)


def test_cloning_four_episodes_balances_the_pole(zoo: Zoo) -> None:
    game = Game(zoo.compose("behaviour-cloning"), Cartpole().load())
    untrained = game.sample(10)["episode_return"].mean()
    for _ in range(300):
        game.round()
    scores = {s.metric: s.value for s in measure_game(game, zoo.metrics(), n=20, seed=0)}
    assert untrained < 100
    assert scores["return"] > 300
    assert set(scores) == {"normalized-return", "return", "stochastic-return", "plain-return"}


def test_a_start_by_cloning_is_better_than_none(zoo: Zoo) -> None:
    cold, warm = game_of(zoo), game_of(zoo, "gail", "rollout.clone=200")
    assert warm.sample(10)["episode_return"].mean() > cold.sample(10)["episode_return"].mean() + 100


def test_what_a_start_has_changed_is_also_averaged(zoo: Zoo) -> None:
    game = game_of(zoo, "gail", "rollout.clone=5", "ema=0.9")
    assert game.average is not None
    mine, its = game.average.net.state_dict(), game.nets["generator"].state_dict()
    assert all(torch.equal(mine[name], its[name]) for name in its)


def test_an_episode_is_written_as_a_film(zoo: Zoo, tmp_path: Path, monkeypatch: Any) -> None:
    from PIL import Image

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    run = ganzoo.train(
        "behaviour-cloning", rounds=2, settings=["data.horizon=task"], out=tmp_path / "run", zoo=zoo
    )
    path = write_samples(run.folder, zoo=zoo)
    assert path.name == "samples.gif"
    with Image.open(path) as film:
        assert film.n_frames > 5  # type: ignore[attr-defined]
    with pytest.raises(OptionError, match="cannot be drawn; name a .gif file"):
        write_samples(run.folder, out=tmp_path / "x.png", zoo=zoo)
    with pytest.raises(ZooError, match="generates no samples to draw"):
        ganzoo.sample(run, 2, zoo=zoo)


def test_imitators_options_build_networks_of_their_sizes() -> None:
    policy = Imitator(hidden=8, depth=1).generator(Space(shape=(3,)), Space(classes=2))
    assert sum(p.numel() for p in policy.parameters()) == (3 * 8 + 8 + 8 * 2 + 2) + (
        3 * 8 + 8 + 8 + 1
    )
