"""The plan of a run: everything that it is a function of, kept as ``run.json``."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    ValidationError,
    model_validator,
)

from ganzoo._version import __version__
from ganzoo.engine.composition import Composition
from ganzoo.errors import OptionError, RunError, UnknownNameError, fault
from ganzoo.parts.plain_json import require_shallow
from ganzoo.plugins.options import validated
from ganzoo.plugins.registry import PLURALS
from ganzoo.storage.paths import is_file
from ganzoo.storage.reading import MIB, read_text
from ganzoo.storage.weight_file import GENERATOR_FILE
from ganzoo.training.budget import Budget
from ganzoo.training.checkpoint import kept_in
from ganzoo.training.device import DEVICES, check_graph, suited_device
from ganzoo.training.differences import differences

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo

MOST = 16 * MIB
"""The largest plan; one of many own parts and classes takes a few KiB."""
CHECKPOINTS = 10
"""How often a run is saved by default."""
DEFAULT_ROUNDS = 1000
DeviceName: TypeAlias = Annotated[str, Field(pattern=rf"^({'|'.join(DEVICES)})(:[0-9]{{1,3}})?$")]
Seed: TypeAlias = Annotated[int, Field(ge=0, lt=1 << 63)]
"""What every generator of random numbers takes."""
Rounds: TypeAlias = Annotated[int, Field(gt=0, le=10**12)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=1e9)]
"""At most 31 years."""
Saves: TypeAlias = Annotated[int, Field(gt=0, le=10**6)]
Threads: TypeAlias = Annotated[int, Field(gt=0, le=1024)]
"""No run gains by more threads; far more, as in a damaged plan, would end the process."""
OnDivergence: TypeAlias = Literal["stop", "rollback"]
CHANGEABLE = (
    *("rounds", "seconds", "save_every", "saves", "device", "threads"),
    *("on_divergence", "graph", "deterministic", "sync_batch_norm"),
)
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


class Rollback(BaseModel):
    """A run's return to a checkpoint because training had diverged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    diverged: NonNegativeInt
    """The rounds that it had played when that was found."""
    rounds: NonNegativeInt
    """The rounds of the checkpoint."""


class Plan(BaseModel):
    """All that a run is a function of; ``run.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    variant: dict[str, Any]
    data: dict[str, Any]
    seed: Seed = 0
    rounds: Rounds | None = None
    seconds: Seconds | None = None
    save_every: Rounds | None = None
    saves: Saves = CHECKPOINTS
    device: DeviceName = "cpu"
    threads: Threads | None = None
    """None until the run is set up, which chooses what suits its game."""
    start: Start | None = None
    moves: tuple[Move, ...] = ()
    on_divergence: OnDivergence = "stop"
    graph: bool = True
    """Whether rounds are played as CUDA graphs where the device is a GPU."""
    deterministic: bool = False
    """Whether a GPU is kept to algorithms that give the same bits each time."""
    sync_batch_norm: bool = False
    """Whether batch norm is over the whole batch where several ranks share it."""
    rollbacks: tuple[Rollback, ...] = ()
    versions: dict[str, str] = {}
    own: dict[str, str] = {}
    """Parts that no plugin offers, as ``loss my-loss``, and the class that Python gave for each."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.rounds is None and self.seconds is None:
            message = "it has neither rounds nor seconds"
            raise ValueError(message)
        return self

    @property
    def budget(self) -> Budget:
        """How long it trains, and when it is saved."""
        return Budget(self.rounds, self.seconds, self.save_every, self.saves)

    def differences(self, other: Plan) -> str:
        """What makes another plan another run, in words; empty if nothing does.

        Budgets, devices, threads, versions and what is done on divergence may change.
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
    on_divergence: OnDivergence | None = None,
    graph: bool | None = None,
    deterministic: bool | None = None,
    sync_batch_norm: bool | None = None,
) -> Plan:
    """A run's plan, every option filled in but the threads, which its game decides.

    Its budget is ``rounds`` or ``seconds``, or 1000 rounds. Raises OptionError for a value that an
    option cannot have, and RunError for a device that is not there, or has no graphs.
    """
    options: dict[str, Any] = {
        "variant": composition.variant.spec(),
        "data": composition.dataset.spec(),
        "seed": seed,
        "rounds": DEFAULT_ROUNDS if rounds is None and seconds is None else rounds,
        "seconds": seconds,
        "save_every": save_every,
        "saves": saves,
        "device": suited_device(device, composition),
        "threads": threads,
        "on_divergence": on_divergence or "stop",
        "graph": graph is not False,
        "deterministic": bool(deterministic),
        "sync_batch_norm": bool(sync_batch_norm),
        "versions": {
            "ganzoo": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "machine": machine(),
        },
        "own": own_parts(composition),
    }
    found: Plan = validated(Plan, options, "run")
    check_graph(found.device, wanted=graph)
    return found


def plan_in(folder: Path) -> Plan:
    """The plan that a folder holds. Raises RunError where there is none that can be read."""
    path = folder / "run.json"
    try:
        text = read_text(path, MOST)
        require_shallow(text)
        return Plan.model_validate_json(text)
    except FileNotFoundError:
        message = f"{folder} holds no run: there is no {path}."
        if kept_in(folder):
            message = plan_lost(folder)
        elif is_file(folder / GENERATOR_FILE):
            message = f"{folder} holds weight files and no run; write dir:{folder}."
        raise RunError(message) from None
    except NotADirectoryError:
        message = f"{folder} is a file, not the folder of a run."
        raise RunError(message) from None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise RunError(message) from error
    except ValueError as error:
        why = fault(error) if isinstance(error, ValidationError) else error
        message = f"{path} is damaged, or of another version: {why}."
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
