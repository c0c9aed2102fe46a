"""Training, sampling and scoring: one call for each command of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from ganzoo.engine.composition import Choices, Composition, compose
from ganzoo.engine.scoring import measure_game
from ganzoo.errors import OptionError, ZooError
from ganzoo.plugins.default import default_zoo
from ganzoo.training.plan import plan_run
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from ganzoo.engine.game import Game
    from ganzoo.parts.metric import Score
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo


def train(
    variant: str | Variant | Composition,
    *,
    rounds: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    device: str = "auto",
    resume: bool = False,
    save_every: int | None = None,
    on_remark: Callable[[str], None] = lambda _: None,
    zoo: Zoo | None = None,
    **choices: Unpack[Choices],
) -> Run:
    """Train a variant for some rounds (1000 by default); ``ganzoo train`` in Python.

    ``choices`` replace its data, parts and options, as in ``compose``: ``data`` (a dataset's name,
    or a tensor, an array, a dict of columns or a torch Dataset), ``architecture``, ``loss``,
    ``regularizers``, ``sampler``, ``optimizer`` and ``settings``. The run is kept in the folder
    ``out``, by default ``runs/VARIANT-DATASET-SEED``; with ``resume``, the run that is there
    continues. Before the first round ``on_remark`` is called with each sentence on how the data
    were understood (``Data.remarks``). Raises ZooError with one sentence for anything that the
    caller can fix.
    """
    composition = compose(variant, zoo=zoo, **choices)
    plan = plan_run(composition, seed=seed, rounds=rounds, device=device, save_every=save_every)
    folder = Path(out or f"runs/{composition.variant.name}-{composition.dataset.title}-{seed}")
    run = (Run.resume if resume else Run.create)(folder, plan, composition)
    for remark in run.game.data.remarks:
        on_remark(remark)
    run.train(composition.zoo.observers())
    return run


def sample(run: str | Path | Run, n: int = 64, *, seed: int = 0, zoo: Zoo | None = None) -> Tensor:
    """Samples of a run's last checkpoint, (n, *shape), repeatable by seed."""
    opened = run if isinstance(run, Run) else Run.open(run, zoo or default_zoo())
    samples = opened.game.sample(n, seed=seed)
    if "fake" not in samples:
        message = (
            f"'{opened.game.variant.name}' generates no samples to draw; game.sample gives: "
            f"{', '.join(samples)}."
        )
        raise OptionError(message)
    return samples["fake"]


def evaluate(
    run: str | Path | Run,
    *,
    n: int | None = None,
    seed: int = 0,
    metrics: Sequence[str] = (),
    zoo: Zoo | None = None,
) -> list[Score]:
    """Scores of a run's last checkpoint against the held-out split.

    ``metrics`` names those to measure, with options as ``NAME:KEY=VALUE,...``; without it, every
    routine one that applies.
    """
    zoo = zoo or default_zoo()
    opened = run if isinstance(run, Run) else Run.open(run, zoo)
    if metrics:
        chosen = [zoo.part("metric", name) for name in dict.fromkeys(metrics)]
    else:
        chosen = [metric for metric in zoo.metrics() if metric.routine]
    game = opened.game
    n = n or default_n(game)
    scores = measure_game(game, chosen, n=n, seed=seed)
    measured = {score.metric for score in scores}
    unfit = [metric.name for metric in chosen if not measured & metric.better.keys()]
    if metrics and unfit:
        message = f"metric '{unfit[0]}' does not apply to '{game.data.name}'."
        raise ZooError(message)
    if not scores:
        message = f"no metric applies to '{game.variant.name}' on '{game.data.name}'."
        raise ZooError(message)
    return scores


def default_n(game: Game) -> int:
    """How many samples to score: what the data's protocol says, else as many as are held out."""
    return game.data.scored or len(game.data.held_out)
