"""Train models of the registry under several seeds, and ship the first: a maintainer's step.

    python tools/republish.py NAME... --out DIR [--seeds N] [--device cuda]

Writes the weight files into the plugins' packages, and the models' files and scores into
registry.yaml, both of this checkout. The runs are DIR/NAME/SEED; it resumes if DIR already holds
part of them.
"""

from __future__ import annotations

import argparse
from hashlib import sha256
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

from scipy.stats import t as student

from ganzoo.plugins.default import default_zoo
from ganzoo.plugins.registry import Figure
from ganzoo.plugins.sources import embedded_folder, model_named
from ganzoo.pretrained.export import weight_files
from ganzoo.pretrained.registration import register
from ganzoo.pretrained.reproduce import retrain
from ganzoo.pretrained.scores import evaluate
from ganzoo.storage.files import replacing
from ganzoo.storage.weight_file import WeightFile, file_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.parts.metric import Score
    from ganzoo.plugins.registry import Model
    from ganzoo.plugins.zoo import Zoo

CONFIDENCE = 0.95
SLACK = 0.02
"""The least half-width of an interval, as a share of its middle.

Some scores are equal for all seeds, and another machine's rounding would then be a failure.
"""


def republish(
    name: str,
    out: str | Path,
    *,
    seeds: int = 3,
    device: str | None = None,
    zoo: Zoo | None = None,
) -> Model:
    """Train a model under ``seeds`` seeds; ship the first run, with an interval from all of them.

    Returns the model as it is now registered. Raises WeightsError for an unknown model.
    """
    zoo = zoo or default_zoo()
    model = model_named(name, zoo)
    runs = [Path(out) / name / str(seed) for seed in range(seeds)]
    for seed, run in enumerate(runs):
        retrain(model, run, seed=seed, device=device)
    scores = [evaluate(run, device=device, zoo=zoo) for run in runs]
    files = shipped(runs[0], zoo, Path(str(embedded_folder(model, zoo))))
    figures = tuple(figure(of_seeds) for of_seeds in zip(*scores, strict=True))
    again = model.model_copy(update={"files": files, "figures": figures})
    register(again)
    return again


def shipped(run: Path, zoo: Zoo, folder: Path) -> tuple[WeightFile, ...]:
    """Write every network of a run into a folder, and return what the registry says of each."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for player, blob in weight_files(run, zoo).items():
        with replacing(folder / file_name(player)) as path:
            path.write_bytes(blob)
        files.append(
            WeightFile(
                role=player,
                path=file_name(player),
                size=len(blob),
                sha256=sha256(blob).hexdigest(),
                embedded=True,
            )
        )
    return tuple(files)


def figure(scores: Sequence[Score]) -> Figure:
    """The first seed's score, with the interval in which one more run's should lie.

    The 95 % prediction interval of a normal, mean +- t s sqrt(1 + 1/n), widened to contain every
    seed's score and at least ``SLACK`` of the mean.
    """
    values = [score.value for score in scores]
    middle, n = mean(values), len(values)
    half = SLACK * abs(middle)
    if n > 1:
        quantile = float(student.ppf((1 + CONFIDENCE) / 2, n - 1))
        half = max(half, quantile * stdev(values) * (1 + 1 / n) ** 0.5)
    low, high = min(middle - half, *values), max(middle + half, *values)
    return Figure(
        metric=scores[0].metric,
        value=_short(values[0]),
        low=_short(low),
        high=_short(high),
        protocol=scores[0].protocol(),
    )


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="VARIANT/DATASET")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", help="where they are trained; by default as their commands say")
    chosen = parser.parse_args()
    for name in chosen.names:
        model = republish(name, chosen.out, seeds=chosen.seeds, device=chosen.device)
        for file in model.files:
            print(f"{name}: {file.path}, {file.size:,} bytes, sha256 {file.sha256}")


if __name__ == "__main__":
    main()
