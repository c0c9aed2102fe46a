"""Scores of a run's last checkpoint, or of a pretrained model, against held-out data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ganzoo.engine.composition import GIVEN
from ganzoo.engine.evaluation import evaluated
from ganzoo.engine.scoring import measure
from ganzoo.errors import DataError, ZooError
from ganzoo.parts.arguments import check_arguments
from ganzoo.plugins.composing import one_or_more
from ganzoo.plugins.default import chosen_zoo
from ganzoo.pretrained.opening import model_of
from ganzoo.pretrained.runs import RunFolder
from ganzoo.training.joining import joined
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ganzoo.engine.heads import Networks
    from ganzoo.engine.sampling import FrozenGenerator
    from ganzoo.engine.scores import Scores
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.metric import Metric
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.pretrained.model import Pretrained


def evaluate(
    what: str | Path | Run,
    *,
    n: int | None = None,
    seed: int = 0,
    metrics: Sequence[str] = (),
    data: object = None,
    device: str | None = None,
    zoo: Zoo | None = None,
) -> Scores:
    """Scores of a run's last checkpoint, or of a pretrained model, against the held-out split.

    Args:
        what: A run, its folder, or the name of a model.
        n: How many samples; by default what the data's protocol says, else as many as are held out.
        seed: Fixes the samples.
        metrics: Those to measure, with options as ``NAME:KEY=VALUE,...``; without it, every routine
            one that applies.
        data: The data, if they were given from Python when it was trained; as in ``train``.
        device: Where the networks are put, and features and distances computed; by default a run's
            own device if it is here, else the CPU.
        zoo: The plugins; by default the installed ones.

    Raises:
        ZooError: If no metric applies, or one that is named cannot measure; others are left out,
            and the ``remarks`` of the scores say why.
        DataError: If a run's data are not here, or have changed since it was trained on them.
    """
    zoo = chosen_zoo(zoo)
    check_arguments(metrics=metrics, device=device, n=n, seed=seed)
    if len(metrics):
        chosen = [zoo.part("metric", name) for name in dict.fromkeys(one_or_more(metrics))]
    else:
        chosen = [metric for metric in zoo.metrics() if metric.routine]
    with joined() as ranks:
        if isinstance(what, Run):
            game: Networks | None = what.game
            variant, rows, frozen = what.game.variant, what.game.data, what.game.frozen()
        else:
            model = model_of(what, device=device, zoo=zoo)
            rows, game = data_of(model, data), model.judge
            variant, frozen = model.variant, scored(model, rows)
        n = default_n(rows) if n is None else n
        scores = evaluated(frozen, chosen, rows, n=n, seed=seed, game=game, ranks=ranks)
    if isinstance(what, Run):
        what.scores = scores
    refuse_unfit(scores, chosen if metrics else (), f"'{variant.name}' on '{rows.name}'")
    return scores


def scored(model: Pretrained, data: Data) -> FrozenGenerator:
    """A model's generator, conditioned on held-out rows as that of a run is."""
    return replace(model.frozen, rows=data.held_out, lazy=False)


def refuse_unfit(scores: Scores, asked: Sequence[Metric], what: str) -> None:
    """Raise ZooError for a metric that was asked for and not measured, or for no scores at all."""
    measured = {score.metric for score in scores}
    for metric in asked:
        if not measured & metric.better.keys():
            inapplicable = f"metric '{metric.name}' does not apply to {what}."
            message = scores.left_out.get(metric.name, inapplicable)
            raise ZooError(message)
    if not scores:
        message = next(iter(scores.remarks), f"no metric applies to {what}.")
        raise ZooError(message)


def default_n(data: Data) -> int:
    """How many samples to score: what the data's protocol says, else as many as are held out."""
    return data.scored or len(data.held_out)


def data_of(model: Pretrained, given: object = None) -> Data:
    """A model's data, loaded or given; DataError if a run was trained on others."""
    kind: Any = model.zoo.find("dataset", GIVEN)
    data: Data = model.data if given is None else kind.of(given)
    if isinstance(model.source, RunFolder) and model.source.data_sha256 != data.sha256:
        message = (
            f"the data of {model.name} have changed since it was trained on them, so its scores "
            "would be of other rows than were held out."
        )
        raise DataError(message)
    return data


def measure_model(
    model: Pretrained, metrics: Sequence[Metric], data: Data, *, n: int, seed: int
) -> Scores:
    """Scores of ``n`` samples of a model, conditioned on held-out rows as those of a run are.

    Metrics read its discriminator too, where that is published.
    """
    frozen = scored(model, data)
    samples = frozen.sample(n, seed=seed)
    return measure(
        metrics,
        data,
        samples,
        seed=seed,
        game=model.judge,
        frozen=frozen,
        device=model.device,
    )
