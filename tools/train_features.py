"""Train a small-cnn feature extractor: ``python tools/train_features.py digits --out DIR``.

One machine writes the same file, byte for byte, every time. Its sha256, which is printed, is pinned
in ``ganzoo/builtin/metrics/features.py``, or in ``features.py`` of the plugin that ships it.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import ganzoo_emoji.features
import torch
from ganzoo_emoji.emoji import Emoji
from ganzoo_emoji.packages import STYLES
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, dropout, grid_sample, pad

from ganzoo.builtin.datasets.digits import Digits
from ganzoo.builtin.datasets.idx import FashionMnist, Mnist
from ganzoo.builtin.metrics.features import NETS, Classifier, Shape
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.rows import ResidentRows, Rows

SEED = 0
COLUMNS = ("real", "label")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long an extractor is trained on which data, and how their images are augmented."""

    data: tuple[Dataset, ...]
    """The rows of all of them are trained on."""
    epochs: int
    shift: int = 0
    mirror: bool = False
    batch: int = 128
    rate: float = 3e-3
    turn: bool = False
    """Whether images are turned, scaled and tinted instead, each otherwise."""
    dropout: float = 0.0
    """Of the features."""
    decay: float = 0.01
    smoothing: float = 0.0
    """Of the labels."""
    balance: float = 0.0
    """A class counts by its frequency to minus this power: rows count alike at 0, classes at 1."""
    every_row: bool = False
    """Whether held-out rows are trained on too, so that neither split is nearer to the network."""


RECIPES = {
    "digits": Recipe((Digits(),), epochs=40, shift=1, batch=32, rate=2e-3),
    "mnist": Recipe((Mnist(),), epochs=8, shift=2),
    "fashion-mnist": Recipe((FashionMnist(),), epochs=12, shift=1, mirror=True),
    "emoji": Recipe(
        tuple(Emoji(style=style, flags=True) for style in STYLES),
        epochs=20,
        turn=True,
        rate=1e-3,
        dropout=0.3,
        decay=0.05,
        smoothing=0.1,
        balance=0.5,
        # Of so few rows a network remembers some, and the training rows' distance from held-out
        # ones is the floor of every score: it should not be the extractor's doing.
        every_row=True,
    ),
}
SHAPES = {**NETS, "emoji": ganzoo_emoji.features.SHAPE}


def loaded(recipe: Recipe) -> Data:
    """The images and labels of all data of a recipe, as those of the first."""
    each = [dataset.load() for dataset in recipe.data]
    train, held_out = (
        ResidentRows({name: torch.cat([rows.column(name) for rows in split]) for name in COLUMNS})
        for split in zip(*((data.train, data.held_out) for data in each), strict=True)
    )
    spaces = {name: each[0].spaces[name] for name in COLUMNS}
    if recipe.every_row:
        both = {n: torch.cat([train.column(n), held_out.column(n)]) for n in COLUMNS}
        train = ResidentRows(both)
    return Data(each[0].name, train, held_out, spaces)


def turned(images: Tensor, stream: torch.Generator) -> Tensor:
    """Images on white, (N, C, H, W), each mirrored or not, moved, turned, scaled and tinted."""
    n = len(images)

    def uniform(*shape: int, most: float) -> Tensor:
        return (2 * torch.rand(*shape, generator=stream) - 1) * most

    angle, scale, moved = uniform(n, most=0.26), 1 + uniform(n, most=0.15), uniform(n, 2, most=0.15)
    mirror = uniform(n, most=1.0).sign()
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    rows = [torch.stack([cosine * mirror, -sine], 1), torch.stack([sine * mirror, cosine], 1)]
    grid = affine_grid(
        torch.cat([torch.stack(rows, 1), moved[:, :, None]], 2),
        [*images.shape],
        align_corners=False,
    )
    # White is 0 here, so that what comes in at the borders is white, and tints leave it so.
    ink = grid_sample(1 - images, grid, align_corners=False)
    return (1 - ink * (1 + uniform(n, images.shape[1], 1, 1, most=0.3))).clamp(-1, 1)


def varied(images: Tensor, recipe: Recipe, stream: torch.Generator) -> Tensor:
    """A batch of images, (N, C, H, W), augmented by a recipe: shifted, and randomly mirrored.

    One shift for a whole batch costs nothing and works as well over thousands of batches.
    """
    if recipe.turn:
        return turned(images, stream)
    down, right = torch.randint(2 * recipe.shift + 1, (2,), generator=stream).tolist()
    side, border = images.shape[-1], recipe.shift
    padded = pad(images, (border, border, border, border), value=-1.0)
    shifted = padded[:, :, down : down + side, right : right + side]
    if not recipe.mirror:
        return shifted
    flip = torch.rand(len(images), 1, 1, 1, generator=stream) < 0.5  # noqa: PLR2004
    return torch.where(flip, shifted.flip(3), shifted)


def trained(data: Data, recipe: Recipe, shape: Shape) -> Classifier:
    """A classifier trained on the training split, by AdamW with a one-cycle learning rate."""
    stream = torch.Generator().manual_seed(SEED)
    net = Classifier(shape)
    counts = torch.bincount(data.train.column("label"), minlength=shape.classes)
    weights = (len(data.train) / counts) ** recipe.balance
    optimizer = torch.optim.AdamW(
        net.parameters(), recipe.rate, weight_decay=recipe.decay, fused=True
    )
    n, batches = len(data.train), len(data.train) // recipe.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.epochs * batches, pct_start=0.2
    )
    for epoch in range(recipe.epochs):
        order = torch.randperm(n, generator=stream)
        for rows in order[: batches * recipe.batch].view(batches, recipe.batch):
            images = varied(data.train.column("real", rows), recipe, stream)
            logits = net.logits(dropout(net.features(images), recipe.dropout))
            labels = data.train.column("label", rows)
            loss = cross_entropy(logits, labels, weights, label_smoothing=recipe.smoothing)
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
    data, shape = loaded(recipe), SHAPES[chosen.name]
    net = trained(data, recipe, shape)
    about = {
        "accuracy": round(accuracy(net, data.held_out), 4),
        "architecture": {"convolutions": [32, 64, 64], "strides": shape.strides},
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
