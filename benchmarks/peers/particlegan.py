"""A hundred Gaussians against ParticleGAN 0.9.4, on its own public task and equal processor time.

    python benchmarks/peers particlegan [--seconds 120] [--seeds 3] [--out particlegan.json]

Its task (``examples/100gaussians.py`` in its repository): a grid of 10 x 10 Gaussians, one apart,
of standard deviation .03. Networks of three layers of 128; the discriminator also sees sines and
cosines of its sample. Scored are 20,000 samples: the centers with ten of them within three standard
deviations, and the share of samples that lie so near to one. ParticleGAN's budget is 20,000 updates
of 2,048 samples, which takes hours of a processor; here every contender has the same seconds of one
thread, and each is scored along the way. It plays its default recipe and its recipe ``e22``, ganzoo
its engine with the loss and regularizers below.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

import torch
from timing import Round, arguments, machine, markdown, write
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.builtin.regularizers import R1, R2
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.parts.dataset import Data
from ganzoo.parts.optimizer import Adam
from ganzoo.parts.part import Architecture, Loss
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.parts.variant import Variant

SIDE, STD, SAMPLES, FEWEST = 10, 0.03, 20_000, 10
SHARES = (0.25, 0.5, 1.0)
"""Of the seconds, after which a contender is scored."""


@dataclass(frozen=True)
class Contender:
    """One update, and samples of what was learnt so far, (n, 2)."""

    update: Round
    samples: Callable[[int], Tensor]


def points(n: int, stream: torch.Generator | None = None) -> Tensor:
    """Draw ``n`` points of the task, (n, 2)."""
    cells = torch.randint(SIDE, (n, 2), generator=stream) - (SIDE - 1) / 2
    return cells + STD * torch.randn(n, 2, generator=stream)


def coverage(samples: Tensor) -> tuple[int, float]:
    """The centers that were found, and the share of samples near one."""
    cells = (samples + (SIDE - 1) / 2).round().clamp(0, SIDE - 1)
    near = (samples + (SIDE - 1) / 2 - cells).norm(dim=1) <= 3 * STD
    counts = torch.bincount((cells[:, 0] * SIDE + cells[:, 1])[near].long(), minlength=SIDE**2)
    return int((counts >= FEWEST).sum()), float(near.float().mean())


# --------------------------------------------------------------------------------------- networks


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    """Three hidden layers of 128."""
    layers: list[nn.Module] = []
    for width in (inputs, 128, 128):
        layers += [nn.Linear(width, 128), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(128, outputs))


class Waves(nn.Module):
    """A discriminator that sees a point, and sines and cosines of it at two frequencies."""

    def __init__(self) -> None:
        """Ten inputs: two, and four of each frequency."""
        super().__init__()
        self.net = mlp(10, 1)

    def forward(self, sample: Tensor) -> Tensor:
        """A score of each point, (N,)."""
        turned = torch.cat([pi * sample, 2 * pi * sample], dim=1)
        seen = torch.cat([sample, turned.sin(), turned.cos()], dim=1)
        return self.net(seen).squeeze(1)


class Generated(nn.Module):
    """A generator of points."""

    def __init__(self, latent: int) -> None:
        """From latents of so many numbers."""
        super().__init__()
        self.net = mlp(latent, 2)

    def forward(self, z: Tensor) -> Tensor:
        """A point of each latent, (N, 2)."""
        return self.net(z)


class PointNets(Architecture):
    """Both networks of the task."""

    def generator(self, z: Space) -> nn.Module:
        """``z`` to a point."""
        return Generated(z.size)

    def discriminator(self) -> nn.Module:
        """A point to its score."""
        return Waves()


class Pairing(Loss):
    """The relativistic pairing loss (arXiv:1807.00734): a real score against a fake one."""

    def discriminator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        """-log sigmoid(D(x) - D(G(z))), (N,)."""
        return softplus(fake_score - real_score)

    def generator(self, real_score: Tensor, fake_score: Tensor) -> Tensor:
        """-log sigmoid(D(G(z)) - D(x)), (N,)."""
        return softplus(real_score - fake_score)


# ------------------------------------------------------------------------------------- contenders


def ours(seed: int) -> Contender:
    """The engine, with fresh Gaussian latents and an average of the generator."""
    rows = ResidentRows({"real": points(1_000_000, torch.Generator().manual_seed(seed))})
    data = Data("grid", rows, rows, {"real": Space(shape=(2,))})
    adam = Adam(lr=5e-3, betas=(0.0, 0.99))
    variant = Variant(
        name="points",
        architecture=PointNets(),
        loss=Pairing(),
        regularizers=(R1(weight=0.01), R2(weight=0.01)),
        sampler=Gaussian(dim=2),
        optimizers={"discriminator": adam, "generator": adam},
        batch=256,
        ema=0.995,
    )
    game = Game(variant, data, seed=seed)
    return Contender(game.round, lambda n: game.sample(n, seed=seed)["fake"])


def theirs(recipe: str, seed: int) -> Contender:
    """ParticleGAN's trainer, initialized as its example does."""
    from particlegan import GANTrainer, get_recipe, init

    # What its documentation sets for this task, where a recipe has no such default.
    own = {"output_noise_std": 0.029} if recipe == "e22" else {}
    chosen = get_recipe(recipe, num_particles=20_000, z_dim=2, batch_size=2048, **own)
    generator, discriminator = mlp(2, 2), Waves()
    init.deterministic_orthogonal_(generator, seed=seed)
    init.deterministic_orthogonal_(discriminator, seed=seed + 1)
    prior = init.deterministic_orthogonal_(chosen.make_prior())
    trainer = GANTrainer(chosen, generator, discriminator, prior=prior, seed=seed)
    stream = torch.Generator().manual_seed(seed)
    draw = lambda: points(2048, stream)  # noqa: E731
    return Contender(lambda: trainer.step(draw(), generator_real=draw), trainer.sample)


MAKERS: dict[str, Callable[[int], Contender]] = {
    "particlegan": lambda seed: theirs("gan", seed),
    "particlegan, e22": lambda seed: theirs("e22", seed),
    "ganzoo": ours,
}


def followed(contenders: dict[str, Contender], seconds: float) -> list[dict[str, Any]]:
    """A score of each contender after each share of its processor seconds; they take turns."""
    spent, updates = dict.fromkeys(contenders, 0.0), dict.fromkeys(contenders, 0)
    rows = []
    for share in SHARES:
        while min(spent.values()) < share * seconds:
            name = min(spent, key=spent.__getitem__)
            start = time.process_time()
            contenders[name].update()
            spent[name] += time.process_time() - start
            updates[name] += 1
        for name, contender in contenders.items():
            with torch.random.fork_rng():
                modes, near = coverage(contender.samples(SAMPLES))
            row = {"contender": name, "seconds": share * seconds, "updates": updates[name]}
            rows.append({**row, "modes": modes, "near": near})
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the seeds, with the fewest modes of any."""
    found = []
    for seconds, name in dict.fromkeys((row["seconds"], row["contender"]) for row in rows):
        mine = [r for r in rows if (r["seconds"], r["contender"]) == (seconds, name)]
        modes = [row["modes"] for row in mine]
        found.append(
            {
                "seconds": seconds,
                "contender": name,
                "updates": round(statistics.fmean(row["updates"] for row in mine)),
                "modes": f"{statistics.fmean(modes):.1f} (fewest {min(modes)})",
                "within 3 std": f"{statistics.fmean(row['near'] for row in mine):.1%}",
                "seeds": len(mine),
            }
        )
    return found


def table(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row of every contender, seed and share of the seconds."""
    rows = []
    for seed in range(options.seeds):
        contenders = {name: MAKERS[name](seed) for name in options.contenders}
        found = [{"seed": seed, **row} for row in followed(contenders, options.seconds)]
        print(markdown(found), flush=True)
        rows += found
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    more = (
        ("--seeds", {"type": int, "default": 3}),
        ("--contenders", {"nargs": "+", "choices": [*MAKERS], "default": [*MAKERS]}),
    )
    options = arguments(__doc__, argv, *more)
    torch.set_num_threads(1)
    rows = table(options)
    print(markdown(summary(rows)))
    write(options.out, {"machine": machine(), "rows": rows})


if __name__ == "__main__":
    main()
