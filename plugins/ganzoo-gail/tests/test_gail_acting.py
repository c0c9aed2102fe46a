"""A policy acts in the environment that its name says, however many episodes are played."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import pytest
import torch
from ganzoo_gail.environments import unseen
from ganzoo_gail.episodes import CHUNK
from ganzoo_gail.returns import PlainReturn

import ganzoo
from ganzoo.engine.game import Game
from ganzoo.engine.streams import seed_for
from ganzoo.errors import DataError, OptionError
from ganzoo.pretrained.render import frames_of, sample_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo
    from ganzoo.pretrained.model import Pretrained

SHORT = ["rollout.envs=2", "rollout.steps=16", "rollout.epochs=1"]
ENVIRONMENTS = {
    "gail/acrobot": "Acrobot-v1",
    "gail/cartpole": "CartPole-v1",
    "gail/mountain-car": "MountainCar-v0",
}


@pytest.fixture(scope="module")
def zoo() -> Zoo:
    return ganzoo.default_zoo()


@pytest.fixture
def trained(zoo: Zoo, tmp_path: Path) -> Callable[[str], Pretrained]:
    """A policy of one round in an environment, as a model from a folder."""

    def made(env: str) -> Pretrained:
        out = tmp_path / "run"
        data = f"environment:{env}"
        run = ganzoo.train("ppo", data=data, rounds=1, settings=SHORT, out=out, zoo=zoo)
        return ganzoo.load(f"dir:{ganzoo.export(run, tmp_path / 'weights')}", zoo=zoo)

    return made


# ------------------------------------------------------------------------------------------- acting


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_policy_acts_in_the_environment_of_its_name(name: str) -> None:
    model = ganzoo.load(name)
    env = gymnasium.make(ENVIRONMENTS[name])
    seed = seed_for(seed_for(0, "episodes"), "episode 0 of environment 0") % 2**31
    obs, _ = env.reset(seed=seed)
    earned, ended = 0.0, False
    while not ended:
        (action,) = model.act(torch.from_numpy(obs)[None]).numpy()
        obs, reward, terminated, truncated, _ = env.step(action)
        earned += float(reward)
        ended = terminated or truncated
    assert model.values(1, seed=0)["plain_return"].tolist() == [earned]


def test_the_flag_of_a_fixed_horizon_may_be_given() -> None:
    model = ganzoo.load("gail/acrobot")
    obs = torch.randn(40, 6, dtype=torch.float64)
    flagged = torch.cat([obs, torch.zeros(40, 1)], 1)
    assert torch.equal(model.act(obs), model.act(flagged))
    assert torch.equal(model.act(obs, seed=3), model.act(flagged, seed=3))


ACROBOT = (
    "the policy acts on observations of 'Acrobot-v1', (N, 6), or (N, 7) with the flag of the fixed "
    "horizon; these are"
)


@pytest.mark.parametrize(
    ("name", "shape", "sentence"),
    [
        (
            "gail/acrobot",
            (2, 5),
            f"{ACROBOT} (2, 5).",
        ),
        (
            "gail/acrobot",
            (6,),
            f"{ACROBOT} (6,).",
        ),
        (
            "gail/cartpole",
            (2, 5),
            "the policy acts on observations of 'CartPole-v1', (N, 4); these are (2, 5).",
        ),
    ],
)
def test_other_observations_are_refused(name: str, shape: Any, sentence: str) -> None:
    with pytest.raises(OptionError) as error:
        ganzoo.load(name).act(torch.zeros(shape))
    assert str(error.value) == sentence


@pytest.mark.parametrize("seed", [None, 0])
def test_actions_are_the_environments_own(trained: Any, seed: int | None) -> None:
    torques = trained("Pendulum-v1").act(1000 * torch.randn(300, 3), seed=seed)
    assert torques.shape == (300, 1)
    assert torques.abs().max() <= 2
    if seed is not None:
        assert (torques.abs() == 2).any()  # noise beyond the bounds is clipped to them


def test_choices_are_counted_as_the_environment_counts(trained: Any) -> None:
    class Counted(gymnasium.wrappers.TransformAction[Any, Any, Any]):
        def __init__(self, env: Any) -> None:
            super().__init__(env, lambda action: action - 5, gymnasium.spaces.Discrete(2, start=5))

    def made(**options: Any) -> Any:
        return Counted(gymnasium.make("CartPole-v1", **options))

    gymnasium.register("Counted-v0", made, max_episode_steps=9)
    try:
        actions = trained("Counted-v0").act(torch.randn(200, 4), seed=0)
    finally:
        del gymnasium.registry["Counted-v0"]
    assert set(actions.tolist()) == {5, 6}


def test_the_plain_return_ends_where_the_environment_does(zoo: Zoo) -> None:
    game = Game(zoo.compose("gail", settings=SHORT), zoo.dataset("cartpole").load())
    made = game.sample(4)
    assert made["episode_length"].tolist() == [500] * 4
    assert made["plain_return"].max() < 100
    assert PlainReturn().measure(made["plain_return"]) == {
        "plain-return": float(made["plain_return"].mean())
    }
    own = Game(zoo.compose("gail", settings=SHORT), zoo.dataset("cartpole:task").load()).sample(4)
    assert torch.equal(own["plain_return"], own["episode_return"])


# ----------------------------------------------------------------------------------------- prefixes


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1", "gail/mountain-car"])
def test_the_first_episodes_do_not_depend_on_how_many_there_are(trained: Any, name: str) -> None:
    model = ganzoo.load(name) if "/" in name else trained(name)
    counts = (1, 3, CHUNK - 1, 2 * CHUNK + 30) if name == "CartPole-v1" else (1, 2, 4)
    made = {n: model.values(n, seed=1) for n in counts}
    most = made[counts[-1]]
    assert len(most["stochastic_return"].unique()) > 1
    for n, values in made.items():
        assert {k for k, v in values.items() if not torch.equal(v, most[k][:n])} == set()


@pytest.mark.parametrize("n", [1, 2, 15, 17, CHUNK, CHUNK + 1])
def test_the_first_actions_do_not_depend_on_how_many_there_are(n: int) -> None:
    obs = torch.randn(2 * CHUNK + 7, 6)
    model = ganzoo.load("gail/acrobot")
    for seed in (None, 5):
        assert torch.equal(model.act(obs[:n], seed=seed), model.act(obs, seed=seed)[:n])


def test_a_whole_chunk_draws_as_ever(trained: Any) -> None:
    """The scores of 100 episodes that were published stay what they are."""
    model = trained("CartPole-v1")
    obs = torch.randn(CHUNK, 4)
    stream = torch.Generator().manual_seed(seed_for(2, "actions"))
    policy = model.generator
    with torch.no_grad():
        uniform = torch.rand(CHUNK, 2, generator=stream)
        expected = (policy.actor(policy.norm(obs)) - (-uniform.log()).log()).argmax(1)
    assert torch.equal(model.act(obs, seed=2), expected)


# ------------------------------------------------------------------------------------------ filming


def test_filming_says_nothing(capfd: Any, monkeypatch: pytest.MonkeyPatch, zoo: Zoo) -> None:
    for name in ("XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    frames = frames_of(sample_source("gail/mountain-car", zoo), seed=0)
    assert frames.shape[1:] == (400, 600, 3)
    assert capfd.readouterr() == ("", "")


def test_of_two_films_at_once_neither_needs_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    first_began, first_ended, drivers = threading.Event(), threading.Event(), []

    def film_second() -> None:
        first_began.wait(10)
        with unseen():
            first_ended.wait(10)
            drivers.append(os.environ.get("SDL_VIDEODRIVER"))

    second = threading.Thread(target=film_second)
    second.start()
    with unseen():
        first_began.set()
        second.join(0.1)
    first_ended.set()
    second.join(10)
    assert drivers == ["dummy"]
    assert "SDL_VIDEODRIVER" not in os.environ


class Dark(gymnasium.Env[Any, Any]):
    """Cannot be filmed: it draws nothing, or fails to."""

    observation_space = gymnasium.spaces.Box(0, 9, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, **_: Any) -> tuple[Any, dict[str, Any]]:
        return np.zeros(1, dtype=np.float32), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.zeros(1, dtype=np.float32), 0.0, False, False, {}


class Broken(Dark):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def render(self) -> Any:
        message = "no lamp\nat all"
        raise RuntimeError(message)


@pytest.mark.parametrize(
    ("env", "told"), [(Dark, "it has no mode 'rgb_array'."), (Broken, "no lamp.")]
)
def test_what_cannot_be_filmed_is_told(trained: Any, env: Any, told: str) -> None:
    gymnasium.register("Dark-v0", env, max_episode_steps=9)
    try:
        model = trained("Dark-v0")
        with pytest.raises(DataError) as error:
            model.variant.sampler.frames(model.frozen, seed=0)
    finally:
        del gymnasium.registry["Dark-v0"]
    assert str(error.value) == f"environment 'Dark-v0' cannot be filmed: {told}"
