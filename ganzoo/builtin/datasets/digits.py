"""The UCI digits: real images, small enough for the package, so that everything runs offline."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import torch

from ganzoo.builtin.datasets.idx import read_idx
from ganzoo.builtin.datasets.splits import image_space, resident_splits
from ganzoo.builtin.metrics.features import extractor
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.space import Space

if TYPE_CHECKING:
    from torch import Tensor

CLASSES = 10
EVERY = 4
"""Every fourth row of each class is held out."""


def packaged(file: str) -> Tensor:
    """Return the array of an IDX file that lies beside this module."""
    with as_file(files("ganzoo.builtin.datasets") / file) as path:
        return read_idx(path)


class Digits(Dataset):
    """The 1,797 handwritten digits of UCI: ``real``, uint8 (N, 1, 8, 8), ``label``, int64.

    Source: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, 1998, CC BY 4.0
    (``digits.md`` beside this file). Their 17 levels of grey become round(level * 255 / 16). Every
    fourth row of each class is held out: 1,352 rows to train on, 445 held out. Facts:
    ``features``, ``classes``.
    """

    def load(self) -> Data:
        """Read the packaged files."""
        levels, labels = (
            packaged("digits-images-idx3-ubyte.gz"),
            packaged("digits-labels-idx1-ubyte.gz"),
        )
        images = (levels.unsqueeze(1) * (255 / 16)).round().to(torch.uint8)
        held = torch.zeros(len(labels), dtype=torch.bool)
        for digit in range(CLASSES):
            held[(labels == digit).nonzero().squeeze(1)[EVERY - 1 :: EVERY]] = True
        columns = {"real": images, "label": labels.long()}
        train, held_out = resident_splits(columns, (~held, held))
        spaces = {"real": image_space(1, 8), "label": Space(classes=CLASSES)}
        facts = {"features": extractor("small-cnn/digits"), "classes": CLASSES}
        return Data(self.name, train, held_out, spaces, facts)
