"""Recordings keep their environment: its options, its time limit and its wrappers."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import pytest
import safetensors.torch
import torch
from ganzoo_gail.datasets import Demonstrations, Minari
from ganzoo_gail.demonstrations import record, stored
from ganzoo_gail.envs import Envs
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.wrappers import ClipReward

import ganzoo
from ganzoo.cli import main
from ganzoo.engine.game import Game
from ganzoo.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

pytestmark = pytest.mark.filterwarnings("ignore")  # Minari's own
SHORT = ["rollout.envs=2", "rollout.steps=16", "rollout.epochs=1", "rollout.updates=1"]


class Walk(gymnasium.Env[Any, Any]):
    """Observes a dict and takes one number, bounded as it is told."""

    def __init__(self, low: float = 0.0, high: float = np.inf) -> None:
        self.observation_space = spaces.Dict(
            {"goal": spaces.Box(0, 9, (1,)), "at": spaces.Discrete(3)}
        )
        self.action_space = spaces.Box(low, high, (1,))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.at = 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.at += 1
        return self._seen(), float(action[0]), False, False, {}

    def _seen(self) -> dict[str, Any]:
        return {"goal": np.float32([4]), "at": np.int64(self.at % 3)}


class Silent(gymnasium.RewardWrapper[Any, Any]):
    """Does not tell how it was made."""

    def reward(self, reward: Any) -> float:
        return float(reward)


class Scaled(gymnasium.RewardWrapper[Any, Any], RecordConstructorArgs):
    """Tells how it was made."""

    def __init__(self, env: Any, factor: float) -> None:
        RecordConstructorArgs.__init__(self, factor=factor)
        super().__init__(env)
        self.factor = factor

    def reward(self, reward: Any) -> float:
        return self.factor * float(reward)


@pytest.fixture(scope="module")
def zoo() -> Zoo:
    return ganzoo.default_zoo()


@pytest.fixture
def minari(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Records two episodes of an environment as ``test/walk-v0``, by actions of one's choice."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    from minari import create_dataset_from_buffers
    from minari.data_collector import EpisodeBuffer

    def recorded(env: Any, *actions: Any) -> Any:
        episodes = []
        for seed in range(2):
            seen, steps, going = [env.reset(seed=seed)[0]], [], True
            while going:
                action = actions[len(steps)] if actions else env.action_space.sample()
                steps.append((action, *env.step(action)))
                seen.append(steps[-1][1])
                going = not (steps[-1][3] or steps[-1][4])
            parts = seen[0].keys() if isinstance(seen[0], dict) else ()
            taken, _, rewards, terminations, truncations, _ = (
                list(x) for x in zip(*steps, strict=True)
            )
            stored: Any = {name: [one[name] for one in seen] for name in parts} or seen
            episodes.append(
                EpisodeBuffer(
                    observations=stored,
                    actions=taken,
                    rewards=rewards,
                    terminations=terminations,
                    truncations=truncations,
                )
            )
        create_dataset_from_buffers("test/walk-v0", episodes, env=env)
        return Minari(dataset="test/walk-v0", trajectories=1)

    return recorded


def task_in(dataset: Any) -> Any:
    return dataset.load().info["task"]


@pytest.mark.parametrize(
    ("options", "steps", "g"),
    [
        ({"g": 5.0, "max_episode_steps": 7}, 7, 5.0),
        ({"max_episode_steps": 9}, 9, 10.0),
        ({"g": 3.0}, 200, 3.0),
    ],
)
def test_a_recording_is_played_in_the_environment_that_it_was_made_in(
    minari: Any, options: Any, steps: int, g: float
) -> None:
    task = task_in(minari(gymnasium.make("Pendulum-v1", **options)))
    assert task.steps == steps
    assert Envs(task, 1, seed=0).vector.envs[0].unwrapped.g == g  # type: ignore[attr-defined]


def test_it_is_not_rendered_as_it_was_when_recorded(minari: Any) -> None:
    task = task_in(
        minari(gymnasium.make("Pendulum-v1", max_episode_steps=5, render_mode="rgb_array"))
    )
    assert Envs(task, 1, seed=0).vector.envs[0].render_mode is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "steps", "reward"),
    [({"max_episode_steps": 7}, 7, 1), ({"sutton_barto_reward": True}, 500, 0)],
)
def test_a_cartpole_is_the_recorded_one_too(
    minari: Any, options: Any, steps: int, reward: float
) -> None:
    task = task_in(minari(gymnasium.make("CartPole-v1", **options)))
    assert task.steps == steps
    assert Envs(task, 1, seed=0).step(np.array([0]))[1].tolist() == [reward]


def walk(**options: Any) -> Any:
    gymnasium.register("Walk-v0", f"{__name__}:Walk", max_episode_steps=3)
    made = gymnasium.make("Walk-v0", **options)
    del gymnasium.registry["Walk-v0"]
    return made


@pytest.mark.parametrize(
    ("ends", "played", "kept"),
    [
        ((0, np.inf), [0.0, 2.5, 7.0], [0.0, 2.5, 7.0]),
        ((-np.inf, np.inf), [-9.0, 2.5, 7.0], [-9.0, 2.5, 7.0]),
        ((-np.inf, 1), [-9.0, 0.5, 1.0], [-9.0, 0.5, 1.0]),
        ((0, 4), [0.0, 2.0, 4.0], [-1.0, 0.0, 1.0]),
    ],
)
def test_only_what_has_two_bounds_is_scaled(
    zoo: Zoo, minari: Any, ends: Any, played: list[float], kept: list[float]
) -> None:
    env = walk(low=ends[0], high=ends[1])
    data = minari(env, *(np.float32([action]) for action in played)).load()
    assert data.train.column("action").flatten().tolist() == kept
    # The parts of a Dict in the environment's own order.
    assert data.train.column("obs").tolist() == [[1, 0, 0, 4], [0, 1, 0, 4], [0, 0, 1, 4]]
    assert data.info["expert_return"] == sum(played)
    Game(zoo.compose("gail", settings=SHORT), data).round()


@pytest.mark.parametrize(
    ("wrapped", "reward"),
    [(lambda env: Scaled(env, 3.0), 6.0), (lambda env: ClipReward(env, max_reward=0.5), 0.5)],
)
def test_its_wrappers_are_put_on_again(minari: Any, wrapped: Any, reward: float) -> None:
    task = task_in(minari(wrapped(walk())))
    assert Envs(task, 1, seed=0).step(np.float32([[2]]))[1].tolist() == [reward]


def test_what_cannot_be_made_again_is_refused_by_name(minari: Any) -> None:
    with pytest.raises(DataError) as error:
        minari(Silent(walk())).load()
    assert str(error.value) == (
        "environment 'Walk-v0' cannot be made: Silent wrapper does not inherit from "
        "`gymnasium.utils.RecordConstructorArgs`, therefore, the wrapper cannot be recreated."
    )


def test_a_recording_of_another_environment_is_refused(
    minari: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = minari(walk())
    other = spaces.Dict({"goal": spaces.Box(0, 9, (1,)), "from": spaces.Discrete(3)})
    init = Walk.__init__

    def changed(self: Any, **options: Any) -> None:
        init(self, **options)
        self.observation_space = other
        self._seen = lambda: {"goal": np.float32([4]), "from": np.int64(0)}

    monkeypatch.setattr(Walk, "__init__", changed)
    with pytest.raises(DataError) as error:
        recording.load()
    assert str(error.value) == (
        "Minari's dataset 'test/walk-v0' was not recorded in 'Walk-v0' as it is made here, which "
        "observes Dict('from': Discrete(3), 'goal': Box(0.0, 9.0, (1,), float32))."
    )


@pytest.mark.parametrize("reward", [np.nan, np.inf])
def test_a_recording_without_returns_is_refused(minari: Any, reward: float) -> None:
    with pytest.raises(DataError) as error:
        minari(walk(), *(np.float32([reward]) for _ in range(3))).load()
    assert str(error.value) == "Minari's dataset 'test/walk-v0' has rewards that are not finite."


# ------------------------------------------------------------------------- files of demonstrations


@pytest.mark.parametrize(("classes", "kind"), [(2, torch.uint8), (256, torch.uint8), (257, None)])
def test_every_choice_can_be_stored(classes: int, kind: torch.dtype | None) -> None:
    kept = stored(torch.tensor([0, classes - 1]), classes)
    assert kept.dtype == (kind or torch.int64)
    assert kept.tolist() == [0, classes - 1]


def test_a_file_keeps_the_environment_too(zoo: Zoo, minari: Any, tmp_path: Path) -> None:
    data = minari(gymnasium.make("Pendulum-v1", g=5.0, max_episode_steps=7)).load()
    game = Game(zoo.compose("gail", settings=SHORT), data)
    path = tmp_path / "mine.safetensors"
    task: Any = data.info["task"]
    facts = record(path, task, game.frozen(), episodes=2, seed=0, made_with="test")
    assert facts.spec == task.spec
    again = task_in(Demonstrations(path=path, trajectories=1))
    assert again.steps == 7
    assert Envs(again, 1, seed=0).vector.envs[0].unwrapped.g == 5  # type: ignore[attr-defined]


SPEC = json.loads(gymnasium.spec("Pendulum-v1").to_json())
CALLS = {"name": "x", "kwargs": {}}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"id": "X-v0", "entry_point": "os:system"}, "'os:system' is no subclass of gymnasium.Env"),
        ({"entry_point": "os:system"}, "'os:system' is no subclass of gymnasium.Env"),
        ({"entry_point": "no.module:X"}, "it needs the module 'no.module', which a file may not"),
        (
            {"additional_wrappers": [{**CALLS, "entry_point": "os:system"}]},
            "'os:system' is no subclass of gymnasium.Wrapper",
        ),
        ({"colour": "red"}, "An issue occurred when trying to make .* an EnvSpec"),
    ],
)
def test_a_file_does_not_choose_what_is_called(tmp_path: Path, changed: Any, sentence: str) -> None:
    path = tmp_path / "theirs.safetensors"
    facts = {"env": "X-v0", "horizon": "task", "expert_return": 1, "random_return": 0}
    spec = json.dumps({**SPEC, **changed})
    tensors = {"obs": torch.zeros(2, 3), "action": torch.zeros(2, 1), "lengths": torch.tensor([2])}
    metadata = {"ganzoo": json.dumps({**facts, "spec": spec})}
    safetensors.torch.save_file(tensors, path, metadata)
    with pytest.raises(DataError, match=f"^the recording's environment 'X-v0' .*{sentence}"):
        Demonstrations(path=path).load()


def test_a_policy_of_a_fixed_horizon_is_recorded_at_home_without_it(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ganzoo.train(
        "behaviour-cloning", data="mountain-car", rounds=1, out=tmp_path / "run", zoo=zoo
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    words = f"record {run.folder} --out ~/mine.safetensors --horizon task --episodes 1"
    monkeypatch.setattr(sys, "argv", ["ganzoo", *words.split()])
    with suppress(SystemExit):
        main()
    data = Demonstrations(path="~/mine.safetensors", trajectories=1).load()  # type: ignore[arg-type]
    assert data.spaces["obs"].shape == (2,)


@pytest.mark.parametrize("name", ["~/demos.safetensors", "~nobody-here/demos.safetensors"])
def test_a_tilde_is_the_users_home(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    home = str(tmp_path) if name.startswith("~/") else "~nobody-here"
    with pytest.raises(DataError) as error:
        Demonstrations(path=name).load()  # type: ignore[arg-type]
    assert str(error.value) == f"there are no demonstrations at {home}/demos.safetensors."
