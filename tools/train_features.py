"""Train a small-cnn feature extractor: ``python tools/train_features.py digits --out DIR``.

One machine writes the same file, byte for byte, every time. Its sha256, which is printed, is pinned
in ``ganzoo/builtin/metrics/features.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from ganzoo.builtin.datasets.digits import Digits
from ganzoo.builtin.datasets.idx import FashionMnist, Mnist
from ganzoo.builtin.metrics.features import NETS, Classifier
from ganzoo.parts.dataset import Data
from ganzoo.parts.rows import Rows

SEED = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long an extractor is trained, and how its images are augmented."""

    data: type[Digits | Mnist | FashionMnist]
    epochs: int
    shift: int
    mirror: bool = False
    batch: int = 128
    rate: float = 3e-3


RECIPES = {
    "digits": Recipe(Digits, epochs=40, shift=1, batch=32, rate=2e-3),
    "mnist": Recipe(Mnist, epochs=8, shift=2),
    "fashion-mnist": Recipe(FashionMnist, epochs=12, shift=1, mirror=True),
}


def varied(images: Tensor, recipe: Recipe, stream: torch.Generator) -> Tensor:
    """A batch of images, (N, C, H, W), shifted by a few pixels and randomly mirrored.

    One shift for a whole batch costs nothing and works as well over thousands of batches.
    """
    down, right = torch.randint(2 * recipe.shift + 1, (2,), generator=stream).tolist()
    side, border = images.shape[-1], recipe.shift
    padded = pad(images, (border, border, border, border), value=-1.0)
    shifted = padded[:, :, down : down + side, right : right + side]
    if not recipe.mirror:
        return shifted
    flip = torch.rand(len(images), 1, 1, 1, generator=stream) < 0.5  # noqa: PLR2004
    return torch.where(flip, shifted.flip(3), shifted)


def trained(data: Data, recipe: Recipe) -> Classifier:
    """A classifier trained on the training split, by AdamW with a one-cycle learning rate."""
    stream = torch.Generator().manual_seed(SEED)
    net = Classifier(NETS[data.name][1])
    optimizer = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=0.01, fused=True)
    n, batches = len(data.train), len(data.train) // recipe.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.epochs * batches, pct_start=0.2
    )
    for epoch in range(recipe.epochs):
        order = torch.randperm(n, generator=stream)
        for rows in order[: batches * recipe.batch].view(batches, recipe.batch):
            images = varied(data.train.column("real", rows), recipe, stream)
            loss = cross_entropy(net(images)[1], data.train.column("label", rows))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        sys.stdout.write(f"epoch {epoch + 1}: {accuracy(net, data.held_out):.4f}\n")
        sys.stdout.flush()
    return net.eval()


def accuracy(net: nn.Module, rows: Rows) -> float:
    """The share of rows that a network classifies correctly."""
    net.eval()
    with torch.no_grad():
        guesses = [net(some)[1].argmax(1) for some in torch.split(rows.column("real"), 1000)]
    net.train()
    return float((torch.cat(guesses) == rows.column("label")).double().mean())


def main() -> None:
    """Train the extractor of one dataset and write its weight file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(RECIPES))
    parser.add_argument("--out", type=Path, required=True, help="folder of the weight file")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    recipe = RECIPES[chosen.name]
    data = recipe.data().load()
    net = trained(data, recipe)
    about = {
        "accuracy": round(accuracy(net, data.held_out), 4),
        "architecture": {"convolutions": [32, 64, 64], "strides": NETS[chosen.name][1]},
        "dataset": chosen.name,
        "seed": SEED,
    }
    card = json.dumps(about, sort_keys=True, separators=(",", ":"))
    content = save(net.state_dict(), {"ganzoo": card})
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / f"{chosen.name}.safetensors").write_bytes(content)
    sys.stdout.write(f"{card}\n{sha256(content).hexdigest()}\n")


if __name__ == "__main__":
    main()
