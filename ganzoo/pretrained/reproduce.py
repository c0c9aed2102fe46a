"""Reproducing a published model: retrain it by its registered command and compare the scores."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganzoo.errors import ZooError
from ganzoo.parts.arguments import check_arguments
from ganzoo.plugins.default import chosen_zoo
from ganzoo.plugins.sources import model_named
from ganzoo.pretrained.scores import evaluate
from ganzoo.storage.paths import given_path
from ganzoo.training.interrupt import ending_as_ctrl_c

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.registry import Figure, Model
    from ganzoo.plugins.zoo import Zoo


@dataclass(frozen=True)
class Reproduced:
    """A score of the retrained model beside the published one."""

    figure: Figure
    value: float | None
    """None if this score was not measured here, or by another protocol."""

    @property
    def agrees(self) -> bool:
        """Whether the value lies in the interval that the registry states."""
        return self.value is not None and self.figure.low <= self.value <= self.figure.high


def reproduce(name: str, out: str | Path, *, zoo: Zoo | None = None) -> list[Reproduced]:
    """Retrain a model by its registered command into the folder OUT, and score it as published.

    Resumes if OUT already holds part of that run. Raises WeightsError for an unknown model, and
    ZooError if training fails.
    """
    zoo = chosen_zoo(zoo)
    check_arguments(name=name, out=out)
    model = model_named(name, zoo)
    retrain(model, given_path(out), seed=0)
    found = {score.metric: score for score in evaluate(out, zoo=zoo)}
    return [
        Reproduced(figure, found[figure.metric].value)
        if figure.metric in found and found[figure.metric].protocol() == figure.protocol
        else Reproduced(figure, None)
        for figure in model.figures
    ]


def retrain(model: Model, folder: Path, *, seed: int, device: str | None = None) -> None:
    """Train by a model's command, with a seed, in a folder; resumes the run that is in it."""
    words = [*shlex.split(model.command)[1:], "--seed", str(seed), "--out", str(folder)]
    if device is not None:
        words += ["--device", device]
    if (folder / "run.json").exists():
        words.append("--resume")
    # A process of its own, as the command would have: nothing that this one has set can matter.
    with ending_as_ctrl_c():  # or a run that nobody waits for would go on
        done = subprocess.run([sys.executable, "-m", "ganzoo", *words], check=False)  # noqa: S603
    if done.returncode:
        message = f"'{model.command}' failed; its own message is above."
        raise ZooError(message)
