"""A peer library beside ganzoo, in an environment of its own.

    python benchmarks/peers/install.py torchgan

makes ``build/peers/torchgan``: torch and all else at the versions of ``constraints.txt``, ganzoo
and its plugins from this repository, and the peer without its requirements, since some pin what is
years old and others want packages that no measurement needs. What it does need is listed here.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Peer:
    """A library on the package index, with those that go with it."""

    pinned: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """What they import; at the versions of constraints.txt, where they are named there."""


PEERS = {
    "torchgan": Peer(("torchgan==0.1.0",), ("scipy", "wget")),
    "mimicry": Peer(("torch-mimicry==0.1.16",)),
    "particlegan": Peer(("particlegan==0.9.4",), ("scipy",)),
    "imitation": Peer(
        ("imitation==1.0.1", "seals==0.2.1"),
        (
            "datasets",
            "huggingface-sb3",
            "sacred",
            "scikit-learn",
            "stable-baselines3",
            "tensorboard",
            "tqdm",
        ),
    ),
}


def python_of(name: str) -> Path:
    """The interpreter of a peer's environment, which may not be there yet."""
    return ROOT / "build" / "peers" / name / "bin" / "python"


def commands(name: str) -> list[list[str]]:
    """What pip is asked for, in order."""
    peer, plugins = PEERS[name], sorted((ROOT / "plugins").glob("ganzoo-*"))
    editable = [word for path in (ROOT, *plugins) for word in ("-e", str(path))]
    constrained = ["-c", str(ROOT / "constraints.txt")]
    return [
        [*constrained, "torch", "setuptools<81", "wheel", *peer.needs],
        [*constrained, *editable],
        # Without isolation, because an old source distribution asks for tools that are gone.
        ["--no-deps", "--no-build-isolation", *peer.pinned],
    ]


def install(name: str) -> Path:
    """Make a peer's environment unless it is there; returns its interpreter."""
    python = python_of(name)
    done = python.parents[1] / "installed"
    if not done.exists():
        venv.create(python.parents[1], with_pip=True, clear=True)
        for words in commands(name):
            pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*pip, *words], check=True)
        done.write_text(" ".join(PEERS[name].pinned) + "\n")
    return python


def main() -> None:
    """Make the environments that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="+", choices=PEERS)
    for name in parser.parse_args().names:
        try:
            print(install(name))
        except subprocess.CalledProcessError as error:
            sys.exit(f"{name} cannot be installed: {' '.join(error.cmd[1:])} failed.")


if __name__ == "__main__":
    main()
