"""SVHN, cropped digits, from the files of MATLAB that scipy reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field

from ganzoo.builtin.datasets.archived import Archived, Contents, Split, classes_in
from ganzoo.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

CLASSES, SIDE = 10, 32


class Svhn(Archived):
    """Street View House Numbers: ``real``, uint8 (N, 3, 32, 32), and ``label``, the digit.

    Source: Y. Netzer et al., Reading Digits in Natural Images with Unsupervised Feature Learning,
    2011. 73,257 rows to train on, and 531,131 easier ones with ``extra``; 26,032 held out. Needs
    scipy, unless the Hub's shards are read; see ``Archived``.
    """

    page = "http://ufldl.stanford.edu/housenumbers"

    extra: bool = Field(default=False, description="train on the 531,131 further images too")

    def archives(self) -> tuple[str, ...]:
        """Those of cropped digits, of 32 x 32 pixels; held-out rows first."""
        more = ("extra_32x32.mat",) if self.extra else ()
        return ("test_32x32.mat", "train_32x32.mat", *more)

    def shards(self) -> tuple[str, ...]:
        """Where the Hub's ufldl-stanford/svhn has them; its further images are in no split."""
        return () if self.extra else ("cropped_digits", "")

    def contents(self, *archives: Path) -> Contents:
        """Read the archives."""
        held_out, *train = (read(path) for path in archives)
        images = torch.cat([split.images for split in train])
        labels = torch.cat([split.labels for split in train])
        return Contents(Split(images, labels), held_out, tuple("0123456789"))


def read(path: Path) -> Split:
    """The images of a file, whose X is (row, column, channel, N), and whose y says 10 for a 0.

    Only a file whose checksum is right may be read: some damaged ones crash scipy.
    Raises DataError without scipy, ValueError for other arrays, and what scipy raises.
    """
    try:
        from scipy.io import loadmat  # optional
    except ImportError as error:
        message = "SVHN's .mat files are read by scipy: pip install 'ganzoo-core[svhn]'."
        raise DataError(message) from error
    arrays: dict[str, Any] = loadmat(path, variable_names=["X", "y"])
    images, labels = (torch.from_numpy(arrays[name]) for name in ("X", "y"))
    if images.dtype != torch.uint8 or images.shape[:3] != (SIDE, SIDE, 3):
        message = f"X is {images.dtype} of shape {tuple(images.shape)}, no images of bytes"
        raise ValueError(message)
    if labels.shape != (images.shape[3], 1):
        message = f"y has the shape {tuple(labels.shape)} for {images.shape[3]} images"
        raise ValueError(message)
    digits = classes_in(labels[:, 0], CLASSES, first=1)
    return Split(images.permute(3, 2, 0, 1).contiguous(), (digits + 1) % CLASSES)
