"""Sample grids: a generator's samples as pictures."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING

import torch
from PIL import Image, ImageDraw

from ganzoo.parts.observer import Observer
from ganzoo.storage.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor

    from ganzoo.engine.fixed import Given
    from ganzoo.engine.sampling import FrozenGenerator
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.space import Space

GRID = 64
"""Images in a grid."""
POINTS = 2000
"""Points in a scatter plot, real and generated each."""
SIDE = 512
"""A picture's side, in pixels; grids of small images are enlarged towards it."""
PAPER, REAL, FAKE = (255, 255, 255), (190, 200, 215), (214, 69, 65)


class SampleGrid(Observer):
    """Writes ``samples/<round>.png`` at each checkpoint, always from the same latents."""

    name = "sample-grid"

    def saved(self, checkpoint: Path) -> None:
        """Draw and write one picture, if samples are images or points."""
        if not drawable(self.run.game.spaces):
            return
        folder = self.run.folder / "samples"
        folder.mkdir(exist_ok=True)
        with replacing(folder / f"{checkpoint.stem}.png") as path:
            game = self.run.game
            drawn(game.preview(), lambda: game.data).save(path, format="png")


def drawable(spaces: Mapping[str, Space]) -> bool:
    """Whether samples are images or points; a joined space, such as (obs, action), is neither."""
    space = spaces.get("real")
    return space is not None and (space.is_image or not space.parts)


def drawn(
    frozen: FrozenGenerator,
    data: Callable[[], Data],
    n: int | None = None,
    *,
    seed: int = 0,
    given: Mapping[str, Given] | None = None,
) -> Image.Image:
    """A picture of a generator's samples: a grid of images, or points over held-out real ones.

    Draws ``n`` samples (default 64 images, 2000 points) from ``seed``; ``given`` fixes values such
    as labels, as in ``FrozenGenerator.sample``. ``data`` is called only if points are drawn.
    """
    is_image = frozen.spaces["real"].is_image
    made = frozen.sample(n or (GRID if is_image else POINTS), seed=seed, given=given)
    if is_image:
        return tiles(made["fake"])
    real = data().held_out.column("real", slice(0, POINTS))
    return scatter(made["fake"].flatten(1), real.flatten(1))


def tiles(images: Tensor, columns: int | None = None) -> Image.Image:
    """A grid of images, (N, C, H, W) in [-1, 1], two pixels apart, enlarged by a whole factor.

    Grey for one or two channels, else colour, without alpha. As square as possible unless
    ``columns`` is given.
    """
    n, channels, height, width = images.shape
    columns = columns or ceil(sqrt(n))
    rows = ceil(n / columns)
    pixels = ((images.clamp(-1, 1) + 1) * 127.5).round().byte().movedim(1, -1)
    shown = {1: pixels[..., :1].expand(-1, -1, -1, 3), 2: pixels[..., :1].expand(-1, -1, -1, 3)}
    pixels = shown.get(channels, pixels[..., :3])
    sheet = torch.full(
        (rows * (height + 2) + 2, columns * (width + 2) + 2, 3), 255, dtype=torch.uint8
    )
    for i in range(n):
        top, left = (i // columns) * (height + 2) + 2, (i % columns) * (width + 2) + 2
        sheet[top : top + height, left : left + width] = pixels[i]
    drawn = Image.fromarray(sheet.numpy())
    factor = max(1, round(SIDE / max(drawn.size)))
    return drawn.resize((drawn.width * factor, drawn.height * factor), Image.Resampling.NEAREST)


def scatter(fake: Tensor, real: Tensor) -> Image.Image:
    """The first two coordinates of points, (N, d): generated in red over real in grey."""
    low, high = real[:, :2].amin(0), real[:, :2].amax(0)
    middle, reach = (low + high) / 2, 0.65 * float((high - low).max())
    drawn = Image.new("RGB", (SIDE, SIDE), PAPER)
    pen = ImageDraw.Draw(drawn)
    for points, colour in ((real, REAL), (fake, FAKE)):
        at = (points[:, :2] - middle) / reach * torch.tensor([0.5, -0.5]) + 0.5
        for x, y in (at * SIDE).clamp(-9, SIDE + 9).tolist():
            pen.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=colour)
    return drawn


def strip(frames: Tensor, *, shown: int = 6, height: int = 120) -> Image.Image:
    """Frames of a film, uint8 (T, H, W, 3), side by side, evenly spaced until it stops moving.

    ``shown`` frames are drawn, each ``height`` pixels high.
    """
    moves = (t for t in range(len(frames) - 1, 0, -1) if not frames[t].equal(frames[t - 1]))
    moments = torch.linspace(0, next(moves, 0), shown).round().long()
    chosen = [Image.fromarray(frame.numpy()) for frame in frames[moments]]
    width = round(height * chosen[0].width / chosen[0].height)
    drawn = Image.new("RGB", (shown * (width + 2) - 2, height), PAPER)
    for i, frame in enumerate(chosen):
        drawn.paste(frame.resize((width, height), Image.Resampling.LANCZOS), (i * (width + 2), 0))
    return drawn
