"""Training, sampling and scoring: one call for each command of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.engine.scoring import measure_game
from ganzoo.errors import OptionError, RunError, ZooError
from ganzoo.plugins.default import default_zoo
from ganzoo.storage.files import write_text
from ganzoo.training.plan import Plan, plan_run
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from ganzoo.engine.game import Game
    from ganzoo.parts.metric import Score
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo


def train(
    variant: str | Variant,
    *,
    data: str | None = None,
    rounds: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    architecture: str | None = None,
    loss: str | None = None,
    regularizers: Iterable[str] | None = None,
    sampler: str | None = None,
    settings: Iterable[str] = (),
    device: str = "auto",
    resume: bool = False,
    save_every: int | None = None,
    zoo: Zoo | None = None,
) -> Run:
    """Train a variant, any of its parts replaced by name; ``ganzoo train`` in Python.

    Raises ZooError with one sentence for anything that the caller can mend.
    """
    zoo = zoo or default_zoo()
    composed = zoo.compose(
        variant,
        architecture=architecture,
        loss=loss,
        regularizers=regularizers,
        sampler=sampler,
        settings=settings,
    )
    plan = plan_run(
        zoo,
        composed,
        data=data,
        settings=settings,
        seed=seed,
        rounds=rounds,
        device=device,
        save_every=save_every,
    )
    folder = Path(out or f"runs/{composed.name}-{plan.data['part']}-{seed}")
    run = resumed(folder, plan, zoo) if resume else Run.create(folder, plan, zoo)
    run.train(zoo.observers())
    return run


def resumed(folder: Path, plan: Plan, zoo: Zoo, *, game: Game | None = None) -> Run:
    """The run in a folder, with the budget of a new plan that is otherwise the same."""
    run = Run.open(folder, zoo, started=False, game=game)
    different = run.plan.differs(plan)
    if different is not None:
        message = f"{folder} holds a run with another {different}; choose another --out."
        raise RunError(message)
    if plan.rounds is not None and plan.rounds < run.game.rounds:
        message = f"{folder} has already played {run.game.rounds} rounds, more than {plan.rounds}."
        raise RunError(message)
    budget = {name: getattr(plan, name) for name in ("rounds", "seconds", "save_every", "saves")}
    run.plan = plan = run.plan.model_copy(update=budget)
    write_text(folder / "run.json", plan.model_dump_json(indent=2) + "\n")
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
