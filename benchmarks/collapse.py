"""What the watch for collapse says of healthy runs, and of runs that are broken on purpose.

    python benchmarks/collapse.py [--seeds 3]

Prints a line for each run: what was warned of, and from which round on. Takes some ten minutes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ganzoo

FAST, FASTER = "optimizers.discriminator.lr=1e-2", "optimizers.discriminator.lr=1e-1"
HEALTHY: list[tuple[str, dict[str, Any]]] = [
    ("vanilla", {"data": "ring", "rounds": 3000}),
    ("wgan-gp", {"data": "ring", "rounds": 500}),
    ("vanilla", {"rounds": 1000}),
    ("dcgan", {"rounds": 400}),
    ("conditional", {"rounds": 300}),
    ("conditional-mlp", {"rounds": 800}),
    ("acgan", {"rounds": 250}),
    ("infogan", {"rounds": 250}),
    ("wgan", {"rounds": 250}),
    ("wgan-gp", {"rounds": 250}),
]
BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("vanilla", {"rounds": 600, "settings": ["optimizers.generator.lr=1e-9"]}),
    ("vanilla", {"rounds": 1000, "loss": "minimax", "settings": [FAST]}),
    (
        "vanilla",
        {
            "data": "ring",
            "rounds": 600,
            "loss": "hinge",
            "settings": [FASTER, "optimizers.generator.lr=1e-1"],
        },
    ),
    ("vanilla", {"data": "ring", "rounds": 1000, "settings": ["optimizers.generator.lr=1e-2"]}),
]


def warned(variant: str, seed: int, options: dict[str, Any]) -> list[str]:
    """Each warning of a run, after the round of its save."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        ganzoo.train(variant, seed=seed, out=out, **options)
        lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [
        f"{line['round']}: {'; '.join(line['warnings'])}" for line in lines if "warnings" in line
    ]


def main() -> None:
    """Train them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    for kind, runs in (("healthy", HEALTHY), ("broken", BROKEN)):
        for variant, options in runs:
            for seed in seeds:
                found = warned(variant, seed, options)
                print(kind, variant, options, f"seed {seed}:", *(found or ["nothing"]), flush=True)


if __name__ == "__main__":
    main()
