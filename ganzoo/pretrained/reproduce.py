"""Making published models again: the registry's own command, and whether the scores agree."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

import yaml

from ganzoo.errors import ZooError
from ganzoo.plugins.default import default_zoo
from ganzoo.plugins.registry import Figure, Model, registry
from ganzoo.pretrained.export import exported
from ganzoo.pretrained.sources import home, model_named
from ganzoo.storage.files import replacing, write_text
from ganzoo.storage.weight_file import FILES, WeightFile
from ganzoo.training.run import Run
from ganzoo.training.train import evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.parts.metric import Score
    from ganzoo.plugins.zoo import Zoo

STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
"""The 97.5 % quantile of Student's t by its degrees of freedom."""
SLACK = 0.02
"""The least half-width of an interval, as a share of its middle: some scores have no spread."""


@dataclass(frozen=True)
class Reproduced:
    """One score of a retrained model beside the published one."""

    figure: Figure
    value: float | None

    @property
    def agrees(self) -> bool:
        """Whether it lies in the interval that the registry states."""
        return self.value is not None and self.figure.low <= self.value <= self.figure.high


def reproduce(name: str, out: str | Path, *, zoo: Zoo | None = None) -> list[Reproduced]:
    """Retrain a model by its registry's command into OUT, and score it as it was scored.

    What OUT already holds of that run is taken up. Raises WeightsError for an unknown model.
    """
    zoo = zoo or default_zoo()
    model = model_named(name, zoo)
    run = trained(model, Path(out), seed=0, zoo=zoo)
    found = {score.metric: score for score in evaluate(run, zoo=zoo)}
    return [
        Reproduced(figure, found[figure.metric].value)
        if figure.metric in found and found[figure.metric].protocol() == figure.protocol
        else Reproduced(figure, None)
        for figure in model.figures
    ]


def trained(model: Model, folder: Path, *, seed: int, zoo: Zoo) -> Run:
    """The run of a model's command under another seed, trained to its end."""
    words = [*shlex.split(model.command)[1:], "--seed", str(seed), "--out", str(folder)]
    if (folder / "run.json").exists():
        words.append("--resume")
    done = subprocess.run([sys.executable, "-m", "ganzoo", *words], check=False)  # noqa: S603
    if done.returncode:
        message = f"'{model.command}' did not end well; its own words are above."
        raise ZooError(message)
    return Run.open(folder, zoo)


def republish(name: str, out: str | Path, *, seeds: int = 3, zoo: Zoo | None = None) -> Model:
    """Train a model under several seeds; ship the first, and all of them as its interval.

    A maintainer's step: writes the weight files into the plugin's package and the model's files and
    figures into registry.yaml, both of this checkout.
    """
    zoo = zoo or default_zoo()
    model = model_named(name, zoo)
    runs = [trained(model, Path(out) / str(s), seed=s, zoo=zoo) for s in range(seeds)]
    scores = [evaluate(run, zoo=zoo) for run in runs]
    files = []
    for role in runs[0].game.nets:
        blob = exported(runs[0], role)
        digest = sha256(blob).hexdigest()
        file = WeightFile(role=role, path=FILES[role], size=len(blob), sha256=digest, embedded=True)
        folder = Path(str(home(model, zoo)))
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / file.path) as path:
            path.write_bytes(blob)
        files.append(file)
    figures = tuple(figure(of_seeds) for of_seeds in zip(*scores, strict=True))
    again = model.model_copy(update={"files": tuple(files), "figures": figures})
    register(again)
    return again


def figure(scores: Sequence[Score]) -> Figure:
    """The first seed's score, and where one more run should end with 95 % confidence.

    The prediction interval of a normal: mean +- t s sqrt(1 + 1/n).
    """
    values = [score.value for score in scores]
    middle, n = mean(values), len(values)
    half = STUDENT[n - 1] * stdev(values) * (1 + 1 / n) ** 0.5 if n > 1 else 0.0
    half = max(half, SLACK * abs(middle))
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


def register(model: Model) -> None:
    """Write one model's entry into this checkout's registry.yaml; what stands above is kept."""
    path = Path(str(resources.files("ganzoo.plugins").joinpath("registry.yaml")))
    head, mark, _ = path.read_text(encoding="utf-8").partition("\nweights:\n")
    entries = {**registry().weights, model.name: model}
    plain = {key: entries[key].model_dump(mode="json", exclude={"name"}) for key in sorted(entries)}
    body = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    indented = "".join(f"  {line}\n" for line in body.splitlines())
    write_text(path, head.rstrip("\n") + (mark or "\nweights:\n") + indented)
    registry.cache_clear()
