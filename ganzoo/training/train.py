"""Training: one call for ``ganzoo train``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ganzoo.engine.composition import Choices, Composition, checked_choices, compose, knowing
from ganzoo.engine.group import Group
from ganzoo.errors import OptionError, quoted
from ganzoo.parts.arguments import check_arguments
from ganzoo.plugins.composing import one_or_more
from ganzoo.plugins.default import chosen_zoo
from ganzoo.storage.paths import given_path
from ganzoo.training.crew import Member, leading
from ganzoo.training.following import Follower
from ganzoo.training.joining import joined
from ganzoo.training.plan import Plan, composed_plan, plan_run
from ganzoo.training.resume import resumed_plan
from ganzoo.training.run import Run
from ganzoo.training.start import weights_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.training.crew import Crew
    from ganzoo.training.plan import OnDivergence
    from ganzoo.training.run import Watching


def train(
    variant: str | Variant | Composition | None = None,
    *,
    rounds: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    device: str | torch.device = "auto",
    threads: int | None = None,
    resume: bool = False,
    save_every: int | None = None,
    on_divergence: OnDivergence | None = None,
    graph: bool | None = None,
    deterministic: bool | None = None,
    sync_batch_norm: bool | None = None,
    start: str | Path | Run | None = None,
    observers: Iterable[Watching] = (),
    zoo: Zoo | None = None,
    **choices: Unpack[Choices],
) -> Run:
    """Train a variant for some rounds (1000 by default); ``ganzoo train`` in Python.

    ``choices`` replace its data, parts and options, as in ``compose``: ``data`` (a dataset's name,
    or a tensor, an array, a dict of columns or a torch Dataset), ``architecture``, ``loss``,
    ``regularizers``, ``sampler``, ``optimizer`` and ``settings``. The run is kept in the folder
    ``out``, by default ``runs/VARIANT-DATASET-SEED``.

    Training that diverges stops with DivergedError, or with ``on_divergence="rollback"`` goes back
    to the last checkpoint and on with other random numbers, three times at most. A GPU plays rounds
    as CUDA graphs where it can, unless ``graph=False``; ``deterministic`` keeps it to algorithms
    that give the same bits each time, which are slower.

    With ``start``, a model's name or a run, the networks start from its weights where they fit.
    With ``resume``, the run in the folder continues, and what is not said again, ``variant``
    included, is as it was. ``rounds`` may grow, and how it is played and saved may change.

    Where ``torchrun`` started several processes, each takes its share of every batch, and rank 0
    keeps the run. With ``sync_batch_norm``, batch norm is over the whole batch all the same.

    ``observers`` watch the run beside those of plugins: classes, or functions that make one of a
    run. Raises ZooError with one sentence for anything that the caller can fix.
    """
    options: dict[str, Any] = {"seed": seed, "rounds": rounds, "save_every": save_every}
    options |= {"device": device, "threads": threads, "on_divergence": on_divergence}
    options |= {"graph": graph, "deterministic": deterministic}
    options |= {"sync_batch_norm": sync_batch_norm, "start": start, "out": out, "resume": resume}
    with joined() as ranks:
        if isinstance(ranks, Group) and ranks.rank:
            return followed(ranks, variant, choices, chosen_zoo(zoo))
        with leading(ranks) as crew:
            return led(variant, choices, options, observers, zoo=chosen_zoo(zoo), crew=crew)


def led(
    variant: str | Variant | Composition | None,
    choices: Choices,
    options: dict[str, Any],
    observers: Iterable[Watching],
    *,
    zoo: Zoo,
    crew: Crew,
) -> Run:
    """Train, by the only process or with the ranks that this one leads."""
    out, resume, start = (options.pop(name) for name in ("out", "resume", "start"))
    check_arguments(out=out, device=options["device"], resume=resume)
    choices = checked_choices(train, variant, choices, zoo)
    zoo, watching = knowing(zoo, variant, choices), checked(observers)
    options["start"] = None if start is None else source_name(start)
    make = resumed if resume else begun
    place = None if out is None else given_path(out)
    run = make(variant, choices, options, place, zoo, crew=crew)
    run.train([*run.zoo.observers(), *watching])
    return run


def followed(
    group: Group, variant: str | Variant | Composition | None, choices: Choices, zoo: Zoo
) -> Run:
    """The run that rank 0 plays, as another rank has it, which writes nothing."""

    def made(text: str, folder: Path) -> Run:
        known = checked_choices(train, variant, choices, zoo)
        plan = Plan.model_validate_json(text)
        plan, composition = composed_plan(plan, knowing(zoo, variant, known))
        given = variant if isinstance(variant, Composition) else composition.variant
        here = compose(given, zoo=composition.zoo, **Choices(data=known.get("data")))
        return Run(folder, plan, replace(composition, loaded=here.loaded), Member())

    return Follower(group, made).follow()


def checked(observers: Iterable[Watching]) -> list[Watching]:
    """The observers as a list. Raises OptionError for one that cannot be made of a run."""
    given = one_or_more(observers)
    for observer in given:
        if not callable(observer):
            message = (
                f"{quoted(observer)} cannot watch a run: observers are subclasses of "
                "ganzoo.Observer, or functions that make one of a run."
            )
            raise OptionError(message)
    return given


def begun(
    variant: str | Variant | Composition | None,
    choices: Choices,
    options: dict[str, Any],
    out: Path | None,
    zoo: Zoo,
    *,
    crew: Crew,
) -> Run:
    """A new run of a variant."""
    if variant is None:
        message = "name a variant to train, or resume the run in a folder."
        raise OptionError(message)
    composition = compose(variant, zoo=zoo, **choices)
    source = options.pop("start")
    weights = None if source is None else weights_of(source, composition.zoo)
    seed = 0 if options["seed"] is None else options["seed"]
    plan = plan_run(composition, **{**options, "seed": seed})
    folder = out or default_folder(composition, plan.seed)
    return Run.create(folder, plan, composition, weights, crew)


def resumed(
    variant: str | Variant | Composition | None,
    choices: Choices,
    options: dict[str, Any],
    out: Path | None,
    zoo: Zoo,
    *,
    crew: Crew,
) -> Run:
    """The run in a folder, in which what is not said again is as it was."""
    if out is None and variant is None:
        message = "name the folder of the run to resume, by --out."
        raise OptionError(message)
    if out is None and variant is not None:
        out = default_folder(compose(variant, zoo=zoo, **choices), options["seed"] or 0)
    assert out is not None
    plan, composition = resumed_plan(out, variant, choices, options, zoo)
    return Run.resume(out, plan, composition, crew)


def default_folder(composition: Composition, seed: int) -> Path:
    """Where a run is kept that names no folder."""
    return Path(f"runs/{composition.variant.name}-{composition.dataset.title}-{seed}")


def source_name(start: str | Path | Run) -> str:
    """What a run starts from, as its plan names it: a model's name, or the folder of a run."""
    if isinstance(start, Run):
        return str(start.folder)
    check_arguments(start=start)
    return str(start)
