"""Environments are those that gymnasium makes; what cannot be played is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium
import numpy as np
import pytest
import torch
from ganzoo_gail.datasets import Environment
from ganzoo_gail.environments import FixedHorizon
from ganzoo_gail.envs import Envs
from ganzoo_gail.tasks import CartPoles, Task
from gymnasium import spaces
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import FlattenObservation, TimeLimit, TransformReward

import ganzoo
from ganzoo.engine.game import Game
from ganzoo.errors import DataError, DivergedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

SHORT = ["rollout.envs=2", "rollout.steps=16", "rollout.epochs=1"]
BOX = spaces.Box(-1, 1, (1,))


class Spy(gymnasium.Env[Any, Any]):
    """Remembers the actions that it receives, earns 20 a step, and may cut its episodes off."""

    taken: ClassVar[list[Any]] = []

    def __init__(
        self, seen: Any = BOX, act: Any = None, earns: Any = 20.0, cut: int = 0, starts: Any = None
    ) -> None:
        self.observation_space, self.action_space = seen, act or spaces.Discrete(2)
        self.earns, self.cut, self.starts = earns, cut, starts

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.at = 0
        first = self.observation_space.sample() if self.starts is None else self.starts
        return first, {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self.at += 1
        self.taken.append(np.asarray(action))
        return self.observation_space.sample(), self.earns, False, self.at == self.cut, {}


@pytest.fixture
def env() -> Iterator[Any]:
    """Registers ``Spy-v0``, with any options of ``gymnasium.register``, for one test."""
    before = dict(gymnasium.registry)
    Spy.taken.clear()

    def register(entry_point: Any = Spy, **options: Any) -> Task:
        gymnasium.register("Spy-v0", entry_point, **{"max_episode_steps": 5, **options})
        return Task(env="Spy-v0")

    yield register
    gymnasium.registry.clear()
    gymnasium.registry.update(before)


@pytest.fixture(scope="module")
def zoo() -> Zoo:
    return ganzoo.default_zoo()


# ------------------------------------------------------------------------------------------ spaces

FAR = np.finfo(np.float32).max
INF = np.inf
ACTIONS = {
    "choices": (spaces.Discrete(3), [0, 2], [0, 2]),
    "choices from -1": (spaces.Discrete(3, start=-1), [0, 1, 2], [-1, 0, 1]),
    "choices from 5": (spaces.Discrete(2, start=5), [1, 0], [6, 5]),
    "bounded": (spaces.Box(-2, 4, (1,)), [[-1], [0], [1], [9]], [[-2], [1], [4], [4]]),
    "unbounded": (spaces.Box(-INF, INF, (2,)), [[-3, 0.5]], [[-3, 0.5]]),
    "bounded below": (spaces.Box(0, INF, (1,)), [[-1], [3]], [[0], [3]]),
    "bounded above": (spaces.Box(-INF, 1, (1,)), [[2], [-5]], [[1], [-5]]),
    "the largest floats": (spaces.Box(-FAR, FAR, (1,)), [[-3], [2]], [[-3], [2]]),
    "each its own": (
        spaces.Box(np.float32([-2, 0]), np.float32([2, INF])),
        [[0.5, 7], [2, -1]],
        [[1, 7], [2, 0]],
    ),
    "a single value": (spaces.Box(3, 3, (1,)), [[0.5]], [[3]]),
    "whole numbers": (
        spaces.Box(-128, 127, (1,), np.int8), [[-1], [1], [0.5]], [[-128], [127], [63]],
    ),
    "a number": (spaces.Box(0, 2, ()), [[0], [1]], [1, 2]),
    "a matrix": (spaces.Box(0, 2, (2, 2)), [[0, 1, 0, -1]], [[[1, 2], [1, 0]]]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ACTIONS)
def test_an_environment_receives_actions_of_its_own_space(env: Any, kind: str) -> None:
    space, policys, expected = ACTIONS[kind]
    task = env(kwargs={"act": space})
    envs = Envs(task, 1, seed=0)
    for action in policys:
        envs.step(np.array([action], dtype=np.int64 if "choices" in kind else np.float32))
    assert all(space.contains(taken) for taken in Spy.taken)
    np.testing.assert_allclose(np.stack(Spy.taken), expected)
    back = task.actions.recorded(np.stack(Spy.taken))
    np.testing.assert_array_equal(task.actions.played(back.numpy()), np.stack(Spy.taken))


@pytest.mark.parametrize("kind", ACTIONS)
def test_random_actions_and_training_stay_in_the_space(zoo: Zoo, env: Any, kind: str) -> None:
    env(kwargs={"act": ACTIONS[kind][0]})
    game = Game(zoo.compose("ppo", settings=SHORT), zoo.dataset("environment:Spy-v0").load())
    game.round()
    assert game.is_finite()
    assert all(ACTIONS[kind][0].contains(taken) for taken in Spy.taken)


@pytest.mark.parametrize(
    ("space", "shown"),
    [
        (spaces.Box(-2, 2, (1,)), [-1, -1, 0.5, 1]),
        (spaces.Box(0, INF, (1,)), [0, 0, 0.5, 3]),
        (spaces.Box(-INF, INF, (1,)), [-3, -1, 0.5, 3]),
    ],
)
def test_a_discriminator_is_shown_what_is_played(env: Any, space: Any, shown: list[float]) -> None:
    env(kwargs={"act": space})
    pairs: Any = Environment(env="Spy-v0").load().info["pairs"]
    action = torch.tensor([[-3.0], [-1.0], [0.5], [3.0]])
    assert pairs(torch.zeros(4, 1), action)[:, 1].tolist() == shown


OBSERVATIONS = {
    "one of three": (spaces.Discrete(3, start=2), 3, [0, 1, 0], 3),
    "a number": (spaces.Box(0, 9, ()), np.float32(7), [7], 1),
    "choices": (spaces.MultiDiscrete([2, 3]), np.array([1, 0]), [0, 1, 1, 0, 0], 5),
    "two of them": (
        spaces.Tuple([spaces.Discrete(2), spaces.Box(0, 9, (2,))]),
        (1, np.float32([3, 4])), [0, 1, 3, 4], 4,
    ),
    "by name": (
        spaces.Dict({"goal": spaces.Box(0, 9, (1,)), "at": spaces.MultiBinary(2)}),
        {"goal": np.float32([5]), "at": np.int8([0, 1])}, [0, 1, 5], 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", OBSERVATIONS)
def test_what_is_no_vector_is_flattened_into_one(env: Any, kind: str) -> None:
    space, first, expected, size = OBSERVATIONS[kind]
    task = env(kwargs={"seen": space, "starts": first})
    assert task.spaces["obs"].shape == (size,)
    assert Envs(task, 1, seed=0).obs.tolist() == [expected]
    fixed = Task(env="Spy-v0", horizon="fixed")
    assert fixed.spaces["obs"].shape == (size + 1,)
    assert Envs(fixed, 1, seed=0).obs.tolist() == [[*expected, 0]]


READABLE = (
    "; a policy reads a vector, choices, or a Dict or Tuple of them: wrap the environment so that "
    "it observes one."
)
TAKEN = (
    "; a policy takes one choice (Discrete) or numbers (Box): wrap the environment so that it does "
    "too."
)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"seen": spaces.Box(0, 255, (8, 8, 3), np.uint8)},
            f"environment 'Spy-v0' observes Box(0, 255, (8, 8, 3), uint8){READABLE}",
        ),
        (
            {"seen": spaces.Dict({"eye": spaces.Box(0, 1, (4, 4))})},
            f"environment 'Spy-v0' observes Dict('eye': Box(0.0, 1.0, (4, 4), float32)){READABLE}",
        ),
        ({"seen": spaces.Dict()}, f"environment 'Spy-v0' observes Dict(){READABLE}"),
        (
            {"seen": spaces.Text(3, charset="ab")},
            f"environment 'Spy-v0' observes Text(1, 3, charset=ab){READABLE}",
        ),
        (
            {"act": spaces.MultiDiscrete([2, 2])},
            f"environment 'Spy-v0' takes MultiDiscrete([2 2]){TAKEN}",
        ),
        (
            {"act": spaces.Dict({"a": spaces.Discrete(2)})},
            f"environment 'Spy-v0' takes Dict('a': Discrete(2)){TAKEN}",
        ),
    ],
)
def test_spaces_that_no_policy_fits_are_refused_before_anything_is_played(
    env: Any, options: Any, sentence: str
) -> None:
    env(kwargs=options)
    with pytest.raises(DataError) as error:
        Environment(env="Spy-v0").load()
    assert str(error.value) == sentence
    assert not Spy.taken


# ------------------------------------------------------------------------------------------ making


class Double(gymnasium.RewardWrapper[Any, Any]):
    def reward(self, reward: Any) -> float:
        return 2 * float(reward)


def doubled(**options: Any) -> Any:
    return Double(FlattenObservation(Spy(seen=spaces.Dict({"x": BOX}), **options)))


TWICE = (TransformReward.wrapper_spec(func=lambda reward: reward * 2),)


@pytest.mark.parametrize("horizon", ["task", "fixed"])
@pytest.mark.parametrize(("entry_point", "wrappers"), [(doubled, ()), (Spy, TWICE)])
def test_an_environment_keeps_its_own_wrappers(
    env: Any, horizon: Any, entry_point: Any, wrappers: Any
) -> None:
    env(entry_point, additional_wrappers=wrappers)
    task = Task(env="Spy-v0", horizon=horizon)
    assert Envs(task, 1, seed=0).step(np.array([0]))[1].tolist() == [40]
    assert task.interface.obs.shape == (1,)


@pytest.mark.parametrize(
    "entry_point",
    [lambda **_: Spy(cut=3), lambda **_: TimeLimit(Spy(), 3), lambda **_: TimeLimit(Spy(cut=3), 4)],
)
def test_a_fixed_horizon_does_not_play_on_past_an_environments_own_end(
    env: Any, entry_point: Any
) -> None:
    env(entry_point)
    envs = Envs(Task(env="Spy-v0", horizon="fixed"), 1, seed=0)
    steps = [envs.step(np.array([0])) for _ in range(5)]
    assert [reward.item() for _, reward, _, _ in steps] == [20, 20, 20, 0, 0]
    assert [bool(seen[0, -1]) for seen, *_ in steps] == [False, False, True, True, True]
    assert [bool(truncated) for *_, truncated in steps] == [False] * 4 + [True]
    assert len(Spy.taken) == 3


def test_gymnasiums_own_time_limit_is_the_fixed_horizons(env: Any) -> None:
    env()
    envs = Envs(Task(env="Spy-v0", horizon="fixed"), 1, seed=0)
    steps = [envs.step(np.array([0])) for _ in range(5)]
    assert [bool(seen[0, -1]) for seen, *_ in steps] == [False] * 5
    assert bool(steps[-1][-1])


def test_the_time_limit_may_be_the_entry_points(env: Any) -> None:
    task = env(lambda **_: TimeLimit(Spy(), 3), max_episode_steps=None)
    assert task.steps == 3


class Needy(Spy):
    def __init__(self, *, g: float) -> None:
        super().__init__(earns=g)


def test_what_an_environment_is_registered_with_it_is_made_with(env: Any) -> None:
    task = env(Needy, kwargs={"g": 5.0})
    assert Envs(task, 1, seed=0).step(np.array([0]))[1].tolist() == [5]


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        (
            "Spy-v0",
            {"entry_point": Needy},
            r"environment 'Spy-v0' cannot be made: .*missing 1 required keyword-only argument: 'g'",
        ),
        (
            "Spy-v0",
            {"entry_point": "no.such.module:Spy"},
            r"environment 'Spy-v0' cannot be made: No module named 'no'\.$",
        ),
        (
            "Spy-v0",
            {"max_episode_steps": None},
            r"environment 'Spy-v0' has no time limit; register it with max_episode_steps\.$",
        ),
        ("Spi-v0", {}, "gymnasium has no environment 'Spi-v0': "),
        ("nowhere:Spy-v0", {}, "gymnasium has no environment 'nowhere:Spy-v0': No module named"),
        ("a:b:Spy-v0", {}, "gymnasium has no environment 'a:b:Spy-v0': No module named 'a:b'"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(
    env: Any, name: str, options: dict[str, Any], sentence: str
) -> None:
    env(**options)
    with pytest.raises(DataError, match=f"^{sentence}"):
        Environment(env=name).load()


def test_an_environment_may_be_registered_by_its_module(
    zoo: Zoo, env: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gail_arena.py").write_text(
        "import gymnasium\n"
        "gymnasium.register('Arena-v0', 'gymnasium.envs.classic_control:PendulumEnv', "
        "max_episode_steps=3, kwargs={'g': 5.0})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    data = zoo.dataset("environment:gail_arena:Arena-v0").load()
    assert data.name == "gail_arena:Arena-v0:task"
    assert len(data.train) == 6


# ----------------------------------------------------------------------------------- CartPole, fast


def test_cartpoles_are_what_gymnasium_makes() -> None:
    fast = Task(env="CartPole-v1").vector(3)
    make = [lambda: gymnasium.make("CartPole-v1")] * 3
    plain = SyncVectorEnv(make, autoreset_mode=AutoresetMode.DISABLED)
    seeds: Any = [5, 6, 7]
    assert isinstance(fast, CartPoles)
    every = {"reset_mask": np.ones(3, dtype=bool)}
    seen = [vector.reset(seed=seeds, options=dict(every))[0] for vector in (fast, plain)]
    np.testing.assert_array_equal(*seen)
    going = np.ones(3, dtype=bool)
    for t in range(200):
        action = np.array([t % 2, (t // 2) % 2, 1])
        (obs, earned, ended, cut, _), (its, other, over, off, _) = (
            vector.step(action) for vector in (fast, plain)
        )
        np.testing.assert_allclose(obs, its, rtol=1e-5, atol=1e-6)
        for mine, theirs in ((earned, other), (ended, over), (cut, off)):
            np.testing.assert_array_equal(mine[going], theirs[going])
        going &= ~ended
        if ended.any():
            again = {"reset_mask": ended}
            for vector in (fast, plain):
                vector.reset(seed=seeds, options=dict(again))
            going |= ended
    assert fast.single_action_space == plain.single_action_space
    assert fast.single_observation_space == plain.single_observation_space


def test_their_steps_are_those_of_gymnasiums_vector_bit_for_bit() -> None:
    mine, its = CartPoles(6, steps=500, fixed=False, render_mode=None), CartPoleVectorEnv(6)
    its.reset(seed=0)
    assert its.state is not None
    mine.state = its.state.copy()
    for t in range(8):  # until the first of them falls, which gymnasium then resets
        action = np.arange(6) % (1 + t % 2)
        for one, other in zip(mine.step(action)[:4], its.step(action)[:4], strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        assert np.array_equal(mine.state, its.state)


@pytest.mark.parametrize(
    "changed",
    [
        {"kwargs": {"sutton_barto_reward": True}},
        {"additional_wrappers": TWICE},
        {"entry_point": doubled},
    ],
)
def test_a_cartpole_that_was_changed_is_made_by_gymnasium(env: Any, changed: Any) -> None:
    env()
    own = "gymnasium.envs.classic_control.cartpole:CartPoleEnv"
    with pytest.warns(UserWarning, match="Overriding environment CartPole-v1"):
        gymnasium.register("CartPole-v1", **{"entry_point": own, "max_episode_steps": 9, **changed})
    task = Task(env="CartPole-v1", horizon="fixed")
    envs = Envs(task, 1, seed=0)
    assert isinstance(envs.vector.envs[0], FixedHorizon)  # type: ignore[attr-defined]
    assert envs.step(np.array([0]))[1].item() in (0, 2, 40)


# ------------------------------------------------------------------------------- what is not finite


@pytest.mark.parametrize(
    ("options", "what", "when"),
    [
        ({"earns": np.nan}, "a reward", "in step 1 of an episode"),
        ({"earns": np.inf}, "a reward", "in step 1 of an episode"),
        ({"earns": 1e300}, "a reward", "in step 1 of an episode"),
        ({"starts": np.float32([np.nan])}, "an observation", "at the start of an episode"),
    ],
)
def test_an_environment_that_returns_no_numbers_is_blamed(
    env: Any, options: Any, what: str, when: str
) -> None:
    env(kwargs=options)
    with pytest.raises(DataError) as error:
        Environment(env="Spy-v0").load()
    assert str(error.value) == (
        f"environment 'Spy-v0' returned {what} that is not finite {when}; correct the environment."
    )


class Late(Spy):
    def step(self, action: Any) -> Any:
        seen, earned, *ends = super().step(action)
        return (np.float32([np.nan]) if self.at == 3 else seen), earned, *ends


class Failing(Spy):
    def step(self, action: Any) -> Any:
        message = "sim blew up"
        raise RuntimeError(message)


class Old(Spy):
    def step(self, action: Any) -> Any:
        return super().step(action)[:4]


@pytest.mark.parametrize(
    ("cls", "told"), [(Failing, "RuntimeError: sim blew up"), (Old, "not enough values to unpack")]
)
def test_an_environment_that_fails_is_named_with_its_own_error(
    env: Any, cls: type[Spy], told: str
) -> None:
    task = env(cls)
    with pytest.raises(DataError, match=f"environment 'Spy-v0' failed in its step: .*{told}") as e:
        Envs(task, 1, seed=0).step(np.array([0]))
    assert e.value.__cause__ is not None


def test_the_step_is_named(env: Any) -> None:
    envs = Envs(env(Late), 1, seed=0)
    envs.step(np.array([0]))
    envs.step(np.array([0]))
    with pytest.raises(DataError, match="an observation that is not finite in step 3 of an"):
        envs.step(np.array([0]))


def test_a_policy_that_has_diverged_is_not_the_environments_fault(env: Any) -> None:
    envs = Envs(env(kwargs={"act": spaces.Box(-1, 1, (1,))}), 1, seed=0)
    with pytest.raises(DivergedError) as error:
        envs.step(np.float32([[np.nan]]))
    assert str(error.value) == (
        "training diverged: the policy's actions are not finite. A lower learning rate usually "
        "helps."
    )
    assert not Spy.taken
