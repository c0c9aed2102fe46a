"""DCGAN and WGAN-GP against torchgan 0.1.0: its networks, played by it, by a loop and by ganzoo.

    python benchmarks/peers torchgan [--seconds 60] [--channels 1] [--threads 1 2] [--out FILE]

32 x 32 pixels, step_channels 64, a batch of 64, one discriminator step a round. Seconds are the
processor's on one thread, and wall-clock ones on more.
torchgan plays a round as its ``Trainer.train`` does, less the loader, checkpoints and pictures.
Its own way costs it operations, which are counted: its backward passes reach both players, and its
gradient penalty draws and updates by itself. "The same work" therefore means the same networks,
batches and updates; ganzoo and the plain loop also do the same operations, to 1 %.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
from peers.playing import RULES, Pair, Rule, contest, floats
from peers.standing_in import stand_in_for_torchvision
from timing import Round, arguments, machine, markdown, write

from ganzoo.parts.dataset import Data

BATCH = 64


def pair_of(case: str, channels: int) -> Pair:
    """The networks of torchgan; the critic of a gradient penalty has no batch norm."""
    from torchgan.models import DCGANDiscriminator, DCGANGenerator

    torch.manual_seed(0)
    generator = DCGANGenerator(out_channels=channels)
    critic = DCGANDiscriminator(in_channels=channels, batchnorm=case == "dcgan")
    return Pair(generator, critic, latent=100)


def theirs(case: str, pair: Pair, rule: Rule, data: Data) -> Round:
    """A round of torchgan's trainer."""
    from torchgan import losses
    from torchgan.trainer import Trainer

    terms = {
        "dcgan": (losses.MinimaxGeneratorLoss, losses.MinimaxDiscriminatorLoss),
        "wgan-gp 1:1": (
            losses.WassersteinGeneratorLoss,
            losses.WassersteinDiscriminatorLoss,
            losses.WassersteinGradientPenalty,
        ),
    }[case]
    adam = {"name": torch.optim.Adam, "args": {"lr": rule.lr, "betas": rule.betas}}
    players = zip(("generator", "discriminator"), pair.copies(), strict=True)
    with tempfile.TemporaryDirectory() as folder:  # it makes folders, and is asked for no file
        trainer = Trainer(
            {name: {"name": lambda net=net: net, "optimizer": adam} for name, net in players},
            [term() for term in terms],
            device=torch.device("cpu"),
            checkpoints=f"{folder}/models/",
            recon=f"{folder}/images",
        )
    trainer.batch_size, trainer.labels = BATCH, None
    real = data.train.column("real")

    def round_() -> None:
        trainer.real_inputs = real[torch.randint(len(real), (BATCH,))]
        told = zip(
            ("generator_losses", "discriminator_losses", "generator_iters", "discriminator_iters"),
            trainer.train_iter(),
            strict=True,
        )
        for name, value in told:
            trainer.loss_information[name] += value
        trainer.logger.run_mid_epoch(trainer)

    return round_


def table(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row of each contender in each case, on each number of threads."""
    os.environ["CONSOLE_LOGGING"] = "0"
    stand_in_for_torchvision()
    data, rows = floats(2048, options.channels), []
    for threads, case in product(options.threads, RULES):
        torch.set_num_threads(threads)
        pair, rule = pair_of(case, options.channels), RULES[case]
        peer = {"torchgan": theirs(case, pair, rule, data)}
        found = contest(peer, pair, rule, data, batch=BATCH, seconds=options.seconds)
        rows += [{"case": case, "threads": threads, **row} for row in found]
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    more = (
        ("--channels", {"type": int, "default": 1}),
        ("--threads", {"type": int, "default": [1], "nargs": "+"}),
    )
    options = arguments(__doc__, argv, *more)
    rows = table(options)
    print(markdown(rows))
    write(options.out, {"machine": machine(), "rows": rows})


if __name__ == "__main__":
    main()
