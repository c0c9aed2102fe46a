"""GAIL on the fixed-horizon CartPole: ganzoo-gail against imitation 1.0.1, same demonstrations.

    pip install -c constraints.txt torch tensorboard scikit-learn tqdm datasets huggingface-sb3 \
        sacred stable-baselines3 && pip install --no-deps imitation==1.0.1 seals
    python benchmarks/peers imitation [--seeds 5] [--steps 200000] [--out imitation.json]

imitation pins an older gymnasium but runs on the current one, hence --no-deps. It learns in its own
environment of the same physics, seals/CartPole-v0, with the settings of its GAIL tutorial: once
with the tutorial's rollouts of 2,048 steps of each environment and once with 256, which is several
times faster. ganzoo-gail has its defaults, and a budget of 60 rounds (61,440 steps). All train on
the four shipped trajectories, in one process and on one thread, seed by seed in turns.

A run ends after the first round in which 20 episodes of the most likely actions have a mean return
of 495, or when it has taken ``--steps`` steps of the environment without that: it then counts as
the time that it took, which is a lower bound, marked by a >. Times are CPU seconds of training
alone. Prints a line of JSON for each run, and a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr
from functools import partial
from io import StringIO
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
import torch

import ganzoo
from ganzoo.engine.game import Game

# Python looks first in a script's own folder, where imitation would be this file.
sys.path[:] = [path for path in sys.path if Path(path).resolve() != Path(__file__).resolve().parent]

Learning: TypeAlias = Iterator[tuple[int, Callable[[], float]]]
"""After set-up and after each round: the steps taken so far, and what scores the policy then."""
TARGET, EPISODES, ENVS = 495.0, 20, 8
OURS, ROUNDS = "ganzoo-gail", 60


def ours(seed: int) -> Learning:
    """ganzoo-gail with its defaults."""
    zoo = ganzoo.default_zoo()
    variant = zoo.variant("gail")
    game = Game(variant, zoo.dataset("cartpole").load(), seed=seed)
    while True:
        yield (
            game.rounds * variant.sampler.envs * variant.sampler.steps,
            lambda: float(game.sample(EPISODES, seed=seed)["episode_return"].mean()),
        )
        if game.rounds == ROUNDS:
            return
        game.progress = game.rounds / ROUNDS
        game.round()


def peers(seed: int, steps: int) -> Learning:
    """GAIL of imitation as in its tutorial, with rollouts of so many steps of each environment."""
    # optional dependencies, which only this function needs
    import gymnasium
    import seals  # noqa: F401  (registers the environment)
    from imitation.algorithms.adversarial.gail import GAIL
    from imitation.rewards.reward_nets import BasicRewardNet
    from imitation.util.logger import configure
    from imitation.util.networks import RunningNorm
    from stable_baselines3 import PPO
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.vec_env import DummyVecEnv

    torch.manual_seed(seed)
    make = [lambda: gymnasium.make("seals/CartPole-v0")] * ENVS
    envs, evaluation_envs = DummyVecEnv(make), DummyVecEnv(make)
    envs.seed(seed)
    evaluation_envs.seed(seed + 1000)
    learner = PPO(
        "MlpPolicy",
        envs,
        batch_size=64,
        ent_coef=0.0,
        learning_rate=4e-4,
        gamma=0.95,
        n_epochs=5,
        n_steps=steps,
        seed=seed,
        device="cpu",
    )
    reward = BasicRewardNet(
        envs.observation_space, envs.action_space, normalize_input_layer=RunningNorm
    )
    with TemporaryDirectory() as folder:  # of a log that nothing is written to
        trainer = GAIL(
            demonstrations=demonstrations(),
            demo_batch_size=1024,
            gen_replay_buffer_capacity=512,
            n_disc_updates_per_round=8,
            venv=envs,
            gen_algo=learner,
            reward_net=reward,
            custom_logger=configure(folder, format_strs=[]),
        )
        for rounds in count():
            yield (
                rounds * ENVS * steps,
                lambda: float(evaluate_policy(learner, evaluation_envs, EPISODES)[0]),
            )
            with redirect_stderr(StringIO()):  # a progress bar
                trainer.train(ENVS * steps)


def demonstrations() -> Any:
    """The shipped trajectories as imitation has them."""
    from imitation.data.types import Transitions  # an optional dependency

    data = ganzoo.default_zoo().dataset("cartpole").load()
    obs, action = (data.train.column(name).numpy() for name in ("obs", "action"))
    done = np.zeros(len(obs), dtype=bool)
    done[499::500] = True
    return Transitions(
        obs=obs,
        acts=action,
        infos=np.array([{}] * len(obs)),
        next_obs=np.roll(obs, -1, 0),
        dones=done,
    )


CONTENDERS: dict[str, Callable[[int], Learning]] = {
    OURS: ours,
    "imitation, rollouts of 256": partial(peers, steps=256),
    "imitation, rollouts of 2,048": partial(peers, steps=2048),
}


def timed(learning: Learning, most: int) -> dict[str, Any]:
    """CPU seconds and steps until the target, or until ``most`` steps; and the last score."""
    seconds, (taken, score), earned = 0.0, next(learning), 0.0
    while taken < most and earned < TARGET:
        start = time.process_time()
        after = next(learning, None)
        seconds += time.process_time() - start
        if after is None:
            break
        taken, score = after
        earned = score()
    reached = earned >= TARGET
    return {"reached": reached, "seconds": round(seconds, 3), "steps": taken, "return": earned}


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each contender's seeds that reached the target, median seconds, and ratio to ours.

    The ratio is the median over seeds of its seconds to ours; a bound where a run was cut off.
    """
    mine = {row["seed"]: row for row in rows if row["contender"] == OURS}
    found = []
    for name in dict.fromkeys(row["contender"] for row in rows):
        its = [row for row in rows if row["contender"] == name]
        ratios = [row["seconds"] / mine[row["seed"]]["seconds"] for row in its]
        found.append(
            {
                "contender": name,
                "reached": f"{sum(row['reached'] for row in its)} of {len(its)}",
                "seconds": statistics.median(row["seconds"] for row in its),
                "times": statistics.median(ratios),
                "runs": [f"{'' if row['reached'] else '> '}{row['seconds']:.1f}" for row in its],
            }
        )
    return found


def markdown(found: Sequence[dict[str, Any]]) -> str:
    """The summary as a table."""
    lines = ["| library | seeds that reach 495 | CPU seconds, by seed | median | times ours |"]
    lines.append("|---|---|---|---|---|")
    for row in found:
        runs, seconds, times = ", ".join(row["runs"]), row["seconds"], row["times"]
        lines.append(
            f"| {row['contender']} | {row['reached']} | {runs} | {seconds:.1f} | {times:.1f} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run every contender with every seed, and print a summary."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200_000, help="the most that a run may take")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--out", type=Path, help="a JSON file of all runs and their summary")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        for name in dict.fromkeys([OURS, *options.contenders]):
            run = timed(CONTENDERS[name](seed), options.steps)
            rows.append({"contender": name, "seed": seed, **run})
            print(json.dumps(rows[-1]), flush=True)
            if options.out:
                content = {"steps": options.steps, "runs": rows, "summary": summary(rows)}
                options.out.write_text(json.dumps(content, indent=2) + "\n")
    print(markdown(summary(rows)))


if __name__ == "__main__":
    main()
