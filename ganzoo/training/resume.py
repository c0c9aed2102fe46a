"""Resuming: what is not said again keeps its recorded value, and what differs is refused."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ganzoo.engine.composition import Choices, Composition, compose
from ganzoo.errors import RunError, counted
from ganzoo.parts.variant import Variant
from ganzoo.plugins.options import validated
from ganzoo.storage.weight_file import GENERATOR_FILE
from ganzoo.training.checkpoint import kept_in
from ganzoo.training.device import check_graph, chosen_device, runs_own
from ganzoo.training.interrupt import ending_as_ctrl_c
from ganzoo.training.plan import Move, Plan, Start, composed_in, plan_lost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ganzoo.parts.dataset import Dataset
    from ganzoo.plugins.zoo import Zoo


def resumed_plan(
    folder: Path,
    variant: str | Variant | Composition | None,
    choices: Choices,
    said: Mapping[str, Any],
    zoo: Zoo,
) -> tuple[Plan, Composition]:
    """The plan and composition of the run in a folder, changed as a new command says.

    ``said`` are options of the plan by name; None for one that is not said. Whether the run may be
    changed so is for ``Run.resume`` to check. Raises RunError where there is no run, or where it
    can be told already that it is another one.
    """
    held, recorded = composed_in(folder, zoo)
    composition = said_again(folder, recorded, variant, choices)
    if composition.loaded is not None and composition.dataset.name == recorded.dataset.name:
        refuse_other_data(folder, same=composition.dataset == recorded.dataset)
    changed = {name: value for name, value in said.items() if value is not None}
    if "rounds" in changed:
        changed["seconds"] = None
    if "start" in changed:
        changed["start"] = Start(source=changed["start"], sha256={})
    device = changed["device"]
    changed["device"] = runs_own(folder, held.device) if device == "auto" else chosen_device(device)
    changed |= {"variant": composition.variant.spec(), "data": composition.dataset.spec()}
    plan: Plan = validated(Plan, {**held.model_dump(), **changed}, "run")
    check_graph(plan.device, wanted=said.get("graph"))
    return plan, composition


def said_again(
    folder: Path,
    recorded: Composition,
    variant: str | Variant | Composition | None,
    choices: Choices,
) -> Composition:
    """A recorded composition with what a new command says about it."""
    if isinstance(variant, Composition):
        return compose(variant, **choices)
    zoo, base = recorded.zoo, recorded.variant
    if isinstance(variant, Variant):
        base = variant
    elif variant not in (None, base.name):
        name = zoo.variant(variant).name
        message = f"{folder} holds a run of '{base.name}', not of '{name}'; choose another --out."
        raise RunError(message)
    said = Choices(**choices)
    if said.get("loss") == base.loss.name:
        said["loss"] = None  # it would lose its options, and the generator's loss
    if said.get("data") is None:
        said["data"] = spelled_again(recorded.dataset)
    composed = compose(base, zoo=zoo, **said)
    dataset = composed.dataset
    if dataset.name == recorded.dataset.name:
        options = {name: dataset.spec()[name] for name in dataset.model_fields_set}
        dataset = zoo.part("dataset", {**recorded.dataset.spec(), **options})
    return Composition(composed.variant, dataset, zoo, composed.loaded)


def spelled_again(dataset: Dataset) -> str:
    """A dataset's name, and its first option where it cannot do without."""
    for name, field in type(dataset).model_fields.items():
        if field.is_required():
            return f"{dataset.name}:{getattr(dataset, name)}"
        break
    return dataset.name


def taken_up(folder: Path, plan: Plan, held: Plan, played: int | None) -> Plan:
    """A run's changed plan, with the move to another device if it is one; ``held`` is the old plan.

    ``played`` are the rounds of its last checkpoint; None if there is none. Raises RunError where
    they are more than the plan has, or where a run has lost what it would go on from: its last
    checkpoint, or the weights that it started from.
    """
    if played is None and held.start is not None:
        message = (
            f"{folder} lacks the checkpoint of the weights that it started from; train in another "
            "--out."
        )
        raise RunError(message)
    if played is None and (folder / GENERATOR_FILE).exists():
        message = (
            f"{folder} is a finished run whose checkpoints are gone, so it cannot go on; sample "
            "it, or train in another --out."
        )
        raise RunError(message)
    played = played or 0
    if plan.rounds is not None and plan.rounds < played:
        message = (
            f"{folder} has already played {counted(played, 'round')}, more than {plan.rounds}."
        )
        raise RunError(message)
    if plan.device == held.device:
        return plan
    move = Move(rounds=played, old=held.device, new=plan.device)
    return plan.model_copy(update={"moves": (*held.moves, move)})


def going_on(folder: Path, played: int | None) -> str:
    """From where a resumed run goes on, as a sentence; ``played`` is None without a checkpoint."""
    where = (
        "from its start, since it was not saved yet" if played is None else f"after round {played}"
    )
    return f"{folder} goes on {where}."


# ----------------------------------------------------------------------------------------- refusals


def refuse_run_in(folder: Path) -> None:
    """Raise RunError if a folder holds a run already."""
    if (folder / "run.json").exists():
        message = f"{folder} already holds a run; add --resume, or choose another --out."
        raise RunError(message)
    if any((folder / "checkpoints").glob("*")):
        raise RunError(plan_lost(folder))


def refuse_other_run(folder: Path, held: Plan, plan: Plan) -> None:
    """Raise RunError, which names every difference, if a plan is of another run."""
    if different := held.differences(plan):
        message = (
            f"{folder} holds a run with {different}; leave out what differs, or choose another "
            "--out."
        )
        raise RunError(message)


def refuse_other_checkpoint(path: Path, saved: Plan, plan: Plan) -> None:
    """Raise RunError if a checkpoint was saved under the plan of another run."""
    if different := saved.differences(plan):
        message = f"checkpoint {path} is of a run with {different} as in run.json."
        raise RunError(message)


def refuse_other_data(folder: Path, *, same: bool) -> None:
    """Raise RunError if data are not the same as those that a run was saved on."""
    if not same:
        message = (
            f"the data of {folder} have changed since it was saved; resume it with the data that "
            "it had, or choose another --out."
        )
        raise RunError(message)


@contextmanager
def saying_what_is_kept(folder: Path) -> Iterator[None]:
    """Raise KeyboardInterrupt, inside, for a request to end; it says what is kept of a run."""
    try:
        with ending_as_ctrl_c():
            yield
    except KeyboardInterrupt:
        if not (folder / "run.json").exists():
            raise
        kept = kept_in(folder)
        played = f"after round {int(kept[-1].stem)}" if kept else "before its first round"
        message = (
            f"interrupted at once; {folder} is kept as it was {played}, and the same command with "
            "--resume goes on from there."
        )
        raise KeyboardInterrupt(message) from None
