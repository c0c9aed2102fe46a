"""Training, sampling and scoring: one call for each command of the command line."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import ganzoo
from ganzoo.errors import OptionError, RunError, ZooError
from ganzoo.files import replacing, write_text
from ganzoo.metrics.measure import measure_game
from ganzoo.run import CHECKPOINTS, Plan, Run
from ganzoo.weights import FILES, exported
from ganzoo.zoo import validated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from ganzoo.game import Game
    from ganzoo.metric import Score
    from ganzoo.variant import Variant
    from ganzoo.zoo import Zoo


DEVICES = ("cpu", "cuda", "mps")


def plan_run(
    zoo: Zoo,
    variant: Variant,
    *,
    data: str | None = None,
    settings: Iterable[str] = (),
    seed: int = 0,
    rounds: int | None = None,
    seconds: float | None = None,
    save_every: int | None = None,
    saves: int = CHECKPOINTS,
    device: str = "auto",
) -> Plan:
    """A run's plan, every option filled in; of ``settings`` it takes the data's own."""
    dataset = zoo.dataset(data or variant.data, settings)
    options: dict[str, Any] = {
        "variant": variant.spec(),
        "data": dataset.spec(),
        "seed": seed,
        "rounds": rounds if rounds is not None or seconds is not None else 1000,
        "seconds": seconds,
        "save_every": save_every,
        "saves": saves,
        "device": chosen_device(device),
        "threads": torch.get_num_threads(),
        "versions": {
            "ganzoo": ganzoo.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "machine": machine(),
        },
    }
    found: Plan = validated(Plan, options, "run")
    return found


def machine() -> str:
    """The processor, the instructions that torch uses of it, its cores, and the GPU if any."""
    try:
        rows = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        rows = []
    models = (row.partition(":")[2].strip() for row in rows if row.startswith("model name"))
    words = [next(models, platform.processor() or platform.machine())]
    words += [torch.backends.cpu.get_cpu_capability(), f"{os.cpu_count()} cores"]
    if torch.cuda.is_available():
        words.append(torch.cuda.get_device_name())
    return ", ".join(words)


def chosen_device(name: str) -> str:
    """A device that is there: ``auto`` is the GPU where there is one."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.partition(":")[0] not in DEVICES:
        message = f"device '{name}' cannot be used here: name one of {', '.join(DEVICES)}."
        raise RunError(message)
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        message = f"device '{name}' cannot be used here: {str(error).splitlines()[0]}"
        raise RunError(message) from error
    return name


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
    zoo = zoo or ganzoo.default_zoo()
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


def resumed(folder: Path, plan: Plan, zoo: Zoo) -> Run:
    """The run in a folder, with the budget of a new plan that is otherwise the same."""
    run = Run.open(folder, zoo, started=False)
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
    opened = run if isinstance(run, Run) else Run.open(run, zoo or ganzoo.default_zoo())
    samples = opened.game.sample(n, seed=seed)
    if "fake" not in samples:
        message = (
            f"'{opened.game.variant.name}' generates no samples to draw; game.sample gives: "
            f"{', '.join(samples)}."
        )
        raise OptionError(message)
    return samples["fake"]


def export(run: str | Path | Run, out: str | Path, *, zoo: Zoo | None = None) -> Path:
    """Write a run's networks as weight files that ``ganzoo.load("dir:OUT")`` reads; returns OUT.

    The generator's is the one that is sampled from; the discriminator's is as training left it.
    """
    opened = run if isinstance(run, Run) else Run.open(run, zoo or ganzoo.default_zoo())
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot make the folder {folder}: {error.strerror}."
        raise RunError(message) from error
    for player in opened.game.nets:
        with replacing(folder / FILES[player]) as path:
            path.write_bytes(exported(opened, player))
    return folder


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
    zoo = zoo or ganzoo.default_zoo()
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
