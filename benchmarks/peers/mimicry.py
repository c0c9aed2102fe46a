"""Mimicry's residual networks, played by its own training steps, by a loop and by ganzoo.

    python benchmarks/peers mimicry [--seconds 60] [--width 64] [--out mimicry.json]

The DCGAN and WGAN-GP networks of torch-mimicry 0.1.16 for 32 x 32 pixels in three channels, a batch
of 64, one discriminator step a round; ``--width`` is the generator's, 256 in the library, and the
discriminator has half of it. Its package as a whole cannot be imported without TensorFlow and
torchvision, so its networks and losses are imported without the rest.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import torch
from peers.playing import RULES, Pair, Rule, contest, floats
from peers.standing_in import without_init
from timing import Round, arguments, machine, markdown, write

from ganzoo.parts.dataset import Data

BATCH = 64


def pair_of(case: str, width: int) -> Pair:
    """The networks of mimicry."""
    without_init("torch_mimicry", "torch_mimicry.training")
    from torch_mimicry import nets

    made = {
        "dcgan": (nets.dcgan.DCGANGenerator32, nets.dcgan.DCGANDiscriminator32),
        "wgan-gp 1:1": (nets.wgan_gp.WGANGPGenerator32, nets.wgan_gp.WGANGPDiscriminator32),
    }[case]
    torch.manual_seed(0)
    return Pair(made[0](ngf=width), made[1](ndf=width // 2), latent=128)


def theirs(pair: Pair, rule: Rule, data: Data) -> Round:
    """A round of mimicry's: the networks' own training steps, as its trainer calls them."""
    from torch_mimicry.training.metric_log import MetricLog

    generator, discriminator = pair.copies()
    adam_g, adam_d = (
        torch.optim.Adam(net.parameters(), lr=rule.lr, betas=rule.betas)
        for net in (generator, discriminator)
    )
    real, device = data.train.column("real"), torch.device("cpu")
    labels = torch.zeros(BATCH, dtype=torch.int64)

    def round_() -> None:
        batch = (real[torch.randint(len(real), (BATCH,))], labels)
        log = MetricLog()
        discriminator.train_step(
            real_batch=batch, netG=generator, optD=adam_d, log_data=log, device=device
        )
        generator.train_step(
            real_batch=batch, netD=discriminator, optG=adam_g, log_data=log, device=device
        )

    return round_


def table(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row of each contender in each case."""
    data, rows = floats(2048, 3), []
    for case, rule in RULES.items():
        pair = pair_of(case, options.width)
        peer = {"mimicry": theirs(pair, rule, data)}
        found = contest(peer, pair, rule, data, batch=BATCH, seconds=options.seconds)
        rows += [{"case": case, **row} for row in found]
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    options = arguments(__doc__, argv, ("--width", {"type": int, "default": 64}))
    torch.set_num_threads(1)
    rows = table(options)
    print(markdown(rows))
    write(options.out, {"machine": machine(), "rows": rows})


if __name__ == "__main__":
    main()
