"""The published weights of the Inception network of 2015, rewritten as safetensors.

    python benchmarks/convert_inception.py PICKLE inception.safetensors

PICKLE is ``pt_inception-2015-12-05-6726825d.pth``, which torch-fidelity, pytorch-fid and
torchmetrics download (Apache-2.0, as TensorFlow's own): it lies in
``~/.cache/torch/hub/checkpoints`` where one of them has run. Its whole sha256 is checked before it
is opened, and then it is opened as tensors only. The same pickle gives the same file, whose sha256
is printed.
"""

from __future__ import annotations

import argparse
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import safetensors.torch
import torch

from ganzoo.builtin.metrics.fidelity import PUBLISHED, SOURCE
from ganzoo.builtin.metrics.inception import Inception2015


def converted(pickle: bytes, expected: str = PUBLISHED) -> bytes:
    """The published pickle as a safetensors file that says what it was made from.

    Raises ValueError where the pickle is another, and RuntimeError where it holds another network.
    """
    digest = sha256(pickle).hexdigest()
    if digest != expected:
        message = f"its sha256 is {digest}, not {expected}"
        raise ValueError(message)
    net = Inception2015()
    net.load_state_dict(torch.load(BytesIO(pickle), weights_only=True), strict=True)
    return safetensors.torch.save(net.state_dict(), {SOURCE: digest})


def main() -> None:
    """Convert one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pickle", type=Path, help="the published .pth")
    parser.add_argument("out", type=Path, help="the .safetensors to write")
    options = parser.parse_args()
    try:
        blob = converted(options.pickle.read_bytes())
    except (OSError, ValueError) as error:
        sys.exit(f"{options.pickle} is not the published file: {error}")
    options.out.write_bytes(blob)
    print(f"{options.out}: {len(blob):,} bytes, sha256 {sha256(blob).hexdigest()}")


if __name__ == "__main__":
    main()
