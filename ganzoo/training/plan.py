"""The plan of a run: everything that it is a function of, kept as ``run.json``."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeGuard

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from ganzoo._version import __version__
from ganzoo.engine.composition import Composition
from ganzoo.errors import OptionError, RunError, UnknownNameError
from ganzoo.parts.arguments import MOST
from ganzoo.plugins.loading import reason
from ganzoo.plugins.options import validated
from ganzoo.plugins.registry import PLURALS
from ganzoo.training.budget import Budget
from ganzoo.training.checkpoint import kept_in
from ganzoo.training.device import chosen_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ganzoo.plugins.zoo import Zoo

CHECKPOINTS = 10
"""How often a run is saved by default."""
DEFAULT_ROUNDS = 1000
Threads: TypeAlias = Annotated[int, Field(gt=0, le=1024)]
"""No run gains by more threads; far more, as in a damaged plan, would end the process."""
CHANGEABLE = ("rounds", "seconds", "save_every", "saves", "device", "threads")
"""What a plan may change when its run is resumed."""


class Start(BaseModel):
    """The weights that a run started from: a model's name or a run's folder, and its files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    sha256: dict[str, str]
    """The hash of each file that was read, by its name."""


class Move(BaseModel):
    """A run's move to another device, and the rounds that it had played."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: NonNegativeInt
    old: str
    new: str


class Plan(BaseModel):
    """All that a run is a function of; ``run.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    variant: dict[str, Any]
    data: dict[str, Any]
    seed: Annotated[int, Field(ge=0, le=MOST)] = 0
    rounds: Annotated[int, Field(gt=0, le=MOST)] | None = None
    seconds: PositiveFloat | None = None
    save_every: Annotated[int, Field(gt=0, le=MOST)] | None = None
    saves: PositiveInt = CHECKPOINTS
    device: str = "cpu"
    threads: Threads | None = None
    """None until the run is set up, which chooses what suits its game."""
    start: Start | None = None
    moves: tuple[Move, ...] = ()
    versions: dict[str, str] = {}
    own: dict[str, str] = {}
    """Parts that no plugin offers, as ``loss my-loss``, and the class that Python gave for each."""

    @property
    def budget(self) -> Budget:
        """How long it trains, and when it is saved."""
        return Budget(self.rounds, self.seconds, self.save_every, self.saves)

    def differences(self, other: Plan) -> str:
        """What makes another plan another run, in words; empty if nothing does.

        Budgets, devices, threads and versions may change.
        """
        mine, its = self.model_dump(mode="json"), other.model_dump(mode="json")
        for plan in (mine, its):
            plan["data"].pop("workers", None)  # how many processes read it changes nothing
        found = [*differences(mine["variant"], its["variant"])]
        found += [*differences({"data": mine["data"]}, {"data": its["data"]})]
        found += [*differences({"seed": self.seed}, {"seed": other.seed})]
        if other.start is not None:
            source = None if self.start is None else self.start.source
            found += [*differences({"from": source}, {"from": other.start.source})]
        return " and ".join(found)


def differences(mine: Mapping[str, Any], its: Mapping[str, Any], group: str = "") -> Iterator[str]:
    """Each option in which two records' JSON differ, by its path: ``loss hinge, not minimax``."""
    for name in [*mine, *(name for name in its if name not in mine)]:
        one, other = mine.get(name), its.get(name)
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict) and is_same_part(one, other):
            yield from differences(one, other, f"{group}{name}.")
        elif is_parts(one) and is_parts(other) and worded(one) == worded(other):
            for part, its_part in zip(one, other, strict=True):
                yield from differences(part, its_part, f"{part['part']}.")
        else:
            yield f"{group}{name} {worded(one)}, not {worded(other)}"


def is_same_part(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two records' JSON are of one part, or group the same things."""
    return one.get("part") == other.get("part") and bool(one.keys() & other.keys())


def is_parts(value: object) -> TypeGuard[list[dict[str, Any]]]:
    """Whether a value of a variant's JSON is its regularizers."""
    return isinstance(value, list) and all(isinstance(v, dict) and "part" in v for v in value)


def worded(value: object) -> str:
    """A value of an option as it is written on a command line."""
    if isinstance(value, dict) and "part" in value:
        return str(value["part"])
    if value is None:
        return "none"
    if is_parts(value):
        return ", ".join(map(worded, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value)


def plan_run(
    composition: Composition,
    *,
    seed: int = 0,
    rounds: int | None = None,
    seconds: float | None = None,
    save_every: int | None = None,
    saves: int = CHECKPOINTS,
    device: str | torch.device = "auto",
    threads: int | None = None,
) -> Plan:
    """A run's plan, every option filled in but the threads, which its game decides.

    Its budget is ``rounds`` or ``seconds``, or 1000 rounds. Raises OptionError for a value that an
    option cannot have, and RunError for a device that is not there.
    """
    options: dict[str, Any] = {
        "variant": composition.variant.spec(),
        "data": composition.dataset.spec(),
        "seed": seed,
        "rounds": DEFAULT_ROUNDS if rounds is None and seconds is None else rounds,
        "seconds": seconds,
        "save_every": save_every,
        "saves": saves,
        "device": chosen_device(device),
        "threads": threads,
        "versions": {
            "ganzoo": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "machine": machine(),
        },
        "own": own_parts(composition),
    }
    found: Plan = validated(Plan, options, "run")
    return found


def plan_in(folder: Path) -> Plan:
    """The plan that a folder holds. Raises RunError where there is none that can be read."""
    path = folder / "run.json"
    try:
        return Plan.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        message = f"{folder} holds no run: there is no {path}."
        if kept_in(folder):
            message = plan_lost(folder)
        raise RunError(message) from None
    except NotADirectoryError:
        message = f"{folder} is a file, not the folder of a run."
        raise RunError(message) from None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise RunError(message) from error
    except ValidationError as error:
        message = f"{path} is damaged, or of another version: {reason(error)}."
        raise RunError(message) from error


def plan_lost(folder: Path) -> str:
    """What to say of a folder that has checkpoints of a run, but no plan."""
    return (
        f"{folder} holds checkpoints, but not the {folder / 'run.json'} that says what they are "
        "of; put it back, or choose another folder."
    )


def composed_in(folder: Path, zoo: Zoo) -> tuple[Plan, Composition]:
    """The plan that a folder holds, by ``composed_plan``; an error says that it is in that file."""
    plan = plan_in(folder)
    try:
        return composed_plan(plan, zoo)
    except (OptionError, UnknownNameError) as error:
        message = f"{folder / 'run.json'} cannot be used here: {error}"
        raise type(error)(message) from error


def composed_plan(plan: Plan, zoo: Zoo) -> tuple[Plan, Composition]:
    """A plan as this version writes it, whichever wrote it, and what it composes.

    Raises RunError where it has parts of one's own that the zoo does not know.
    """
    lacking = {part: cls for part, cls in plan.own.items() if not is_known(part, zoo)}
    if lacking:
        parts = ", ".join(f"{part} ({cls})" for part, cls in lacking.items())
        classes = ", ".join(cls.rpartition(".")[2] for cls in lacking.values())
        message = (
            f"this run has parts that Python gave and no plugin offers: {parts}; pass "
            f"zoo=ganzoo.default_zoo().with_parts({classes}), or put them into a plugin."
        )
        raise RunError(message)
    variant = zoo.variant(plan.variant)
    composition = Composition(variant, zoo.part("dataset", plan.data), zoo)
    now = {"variant": variant.spec(), "data": composition.dataset.spec()}
    return plan.model_copy(update=now), composition


def own_parts(composition: Composition) -> dict[str, str]:
    """The parts of a composition that no plugin offers, by kind and name, with their classes."""
    variant = composition.variant
    parts = [*variant.parts(), *variant.optimizers.values(), composition.dataset]
    return {
        f"{part.kind} {part.name}": f"{type(part).__module__}.{type(part).__qualname__}"
        for part in parts
        if composition.zoo.is_own(type(part))
    }


def is_known(part: str, zoo: Zoo) -> bool:
    """Whether a zoo has a part, such as ``loss my-loss``."""
    kind, _, name = part.partition(" ")
    return kind in PLURALS and name in zoo.parts(kind)


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
