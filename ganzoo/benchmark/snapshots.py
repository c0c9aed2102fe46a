"""What is kept of a run for the report's pictures.

For points in a plane each checkpoint leaves ``scenes/<round>.npz``: samples, the discriminator's
score over the plane, and its last features of real and generated points in two dimensions.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.builtin.observers.grid import drawable, drawn, tiles
from ganzoo.pretrained.render import write_film
from ganzoo.storage.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.engine.game import Game
    from ganzoo.engine.sampling import FrozenGenerator
    from ganzoo.parts.dataset import Data
    from ganzoo.training.run import Run

POINTS = 600
"""The most points of each kind in a snapshot."""
CELLS = 56
"""Cells along each side of the plane in which the discriminator's score is kept."""
MARGIN = 1.3
"""The side of that plane, as a multiple of the extent of the data."""
IMAGES = 64
"""Held-out images to compare with."""
PLANE = 2


class Snapshots:
    """The files for pictures in the folder of one job."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def real(self, data: Data) -> None:
        """Write ``real.png`` of held-out images; points are drawn with each run's samples."""
        space = data.spaces.get("real")
        if space is not None and space.is_image:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self.folder / "real.png") as path:
                tiles(data.held_out.column("real", slice(0, IMAGES))).save(path, format="png")

    def samples(self, frozen: FrozenGenerator, data: Data) -> None:
        """Write ``samples/last.png`` of a pretrained generator."""
        if drawable(frozen.spaces):
            folder = self.folder / "samples"
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(folder / "last.png") as path:
                drawn(frozen, lambda: data).save(path, format="png")

    def film(self, run: Run) -> None:
        """Write ``film.gif`` of one sample, if samples unfold in time, as episodes do."""
        if drawable(run.game.spaces):
            return
        frozen = run.game.frozen()
        # An environment that cannot be rendered here must not fail a run that has its scores.
        with suppress(Exception):
            frames = frozen.sampler.frames(frozen, seed=0)
            if frames is not None:
                write_film(frames, self.folder / "film.gif")

    def checkpoint(self, game: Game) -> None:
        """Write ``scenes/<round>.npz`` of a game on points in a plane."""
        space = game.spaces.get("real")
        if space is None or space.is_image or space.parts or space.size != PLANE:
            return
        folder = self.folder / "scenes"
        folder.mkdir(exist_ok=True)
        arrays = {name: value.numpy().astype(np.float32) for name, value in snapshot(game).items()}
        with replacing(folder / f"{game.rounds:08}.npz") as path, path.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


@torch.no_grad()
def snapshot(game: Game) -> dict[str, Tensor]:
    """What a game on points in a plane looks like.

    ``fake`` and ``real`` are points, (N, 2), and ``limits`` the lower left and upper right corner
    of the plane, (2, 2). If the discriminator reads nothing but the sample, ``landscape`` is its
    score, (cells, cells), and ``features`` what its last layer reads of real and then of generated
    points, (2N, 2), in the plane of their two main axes.
    """
    fake = game.sample(POINTS, seed=0)["fake"].flatten(1)
    rows = game.data.held_out.column("real", slice(0, POINTS)).flatten(1)
    middle = (rows.amax(0) + rows.amin(0)) / 2
    reach = MARGIN * float((rows.amax(0) - rows.amin(0)).max()) / 2
    found = {"fake": fake, "real": rows, "limits": torch.stack([middle - reach, middle + reach])}
    net = game.nets.get("discriminator")
    if net is None or game.inputs["discriminator"]:
        return found
    shape = game.spaces["real"].shape
    line = torch.linspace(-1, 1, CELLS) * reach
    plane = middle + torch.cartesian_prod(line, line)
    net.eval()
    try:
        scores, _ = judged(net, plane.view(-1, *shape).to(game.device))
        found["landscape"] = scores.view(CELLS, CELLS)
        _, features = judged(net, torch.cat([rows, fake]).view(-1, *shape).to(game.device))
    finally:
        net.train()
    if features is not None:
        centred = features - features.mean(0)
        axes = torch.linalg.svd(centred.double(), full_matrices=False)[2][:2].float()
        found["features"] = centred @ axes.T
    return found


def judged(net: nn.Module, samples: Tensor) -> tuple[Tensor, Tensor | None]:
    """A discriminator's scores, (N,), and the input of its last linear layer of one output."""
    inputs: list[Tensor] = []
    heads = [m for m in net.modules() if isinstance(m, nn.Linear) and m.out_features == 1]
    hook = (
        heads[-1].register_forward_hook(lambda _, given, __: inputs.append(given[0]))
        if heads
        else None
    )
    try:
        out = net(samples)
    finally:
        if hook is not None:
            hook.remove()
    scores = (out["score"] if isinstance(out, dict) else out).flatten().cpu()
    return scores, inputs[-1].flatten(1).cpu() if inputs else None
