"""GAIL on the fixed-horizon CartPole: ganzoo-gail against imitation, on the same demonstrations.

    pip install stable-baselines3 && pip install --no-deps imitation==1.0.1 seals
    python benchmarks/imitation_peer.py [--seeds 3] [--out imitation.json]

imitation pins an older gymnasium but runs on the current one, hence --no-deps; it also imports
datasets, huggingface-sb3, sacred, scikit-learn, tqdm and tensorboard. It runs with its tutorial's
settings and rollouts of 256 steps, which is several times faster than the tutorial's 2,048. Both
libraries train on the four shipped trajectories with one thread, alternating seed by seed. A run
ends after the first round in which 20 episodes of the most likely actions have a mean return of
495; the seconds are of training alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ganzoo
from ganzoo.engine.game import Game

TARGET, EPISODES, MOST_STEPS = 495.0, 20, 150_000


def ours(seed: int) -> dict[str, Any]:
    """Seconds and environment steps of ganzoo-gail with its defaults, for 60 rounds at most."""
    zoo = ganzoo.default_zoo()
    variant = zoo.variant("gail")
    game = Game(variant, zoo.dataset("cartpole").load(), seed=seed)
    steps = variant.sampler.envs * variant.sampler.steps
    seconds, rounds = 0.0, 60
    for done in range(1, rounds + 1):
        game.progress = (done - 1) / rounds
        start = time.perf_counter()
        game.round()
        seconds += time.perf_counter() - start
        earned = float(game.sample(EPISODES, seed=seed)["episode_return"].mean())
        if earned >= TARGET:
            return {"seconds": seconds, "steps": done * steps, "return": earned}
    return {"seconds": None, "steps": rounds * steps, "return": earned}


def peers(seed: int) -> dict[str, Any]:
    """Seconds and environment steps of imitation's GAIL, for 150,000 steps at most."""
    # optional dependencies, which only this function needs
    import gymnasium
    import seals  # noqa: F401  (registers the environment)
    from imitation.algorithms.adversarial.gail import GAIL
    from imitation.data.types import Transitions
    from imitation.rewards.reward_nets import BasicRewardNet
    from imitation.util.networks import RunningNorm
    from stable_baselines3 import PPO
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.vec_env import DummyVecEnv

    data = ganzoo.default_zoo().dataset("cartpole").load()
    obs, action = (data.train.column(name).numpy() for name in ("obs", "action"))
    done = np.zeros(len(obs), dtype=bool)
    done[499::500] = True
    nothing = np.array([{}] * len(obs))
    demonstrations = Transitions(
        obs=obs, acts=action, infos=nothing, next_obs=np.roll(obs, -1, 0), dones=done
    )
    torch.manual_seed(seed)
    make = [lambda: gymnasium.make("seals/CartPole-v0")] * 8
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
        n_steps=256,
        seed=seed,
        device="cpu",
    )
    reward = BasicRewardNet(
        envs.observation_space, envs.action_space, normalize_input_layer=RunningNorm
    )
    trainer = GAIL(
        demonstrations=demonstrations,
        demo_batch_size=1024,
        gen_replay_buffer_capacity=512,
        n_disc_updates_per_round=8,
        venv=envs,
        gen_algo=learner,
        reward_net=reward,
    )
    seconds, steps = 0.0, 0
    while steps < MOST_STEPS:
        start = time.perf_counter()
        trainer.train(8 * 256)
        seconds += time.perf_counter() - start
        steps += 8 * 256
        earned, _ = evaluate_policy(learner, evaluation_envs, EPISODES)
        if earned >= TARGET:
            return {"seconds": seconds, "steps": steps, "return": float(earned)}
    return {"seconds": None, "steps": steps, "return": float(earned)}


def main() -> None:
    """Run both for every seed and print a summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = []
    for seed in range(options.seeds):
        for name, run in (("ganzoo-gail", ours), ("imitation", peers)):
            rows.append({"library": name, "seed": seed, **run(seed)})
            print(json.dumps(rows[-1]), flush=True)
    for name in ("ganzoo-gail", "imitation"):
        found = [r["seconds"] for r in rows if r["library"] == name and r["seconds"] is not None]
        told = f"{statistics.median(found):.1f} s" if found else "never"
        print(f"{name}: {len(found)} of {options.seeds} reached {TARGET:g}; median {told}")
    if options.out:
        options.out.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
