"""The plan of a run: everything that it is a function of, kept as ``run.json``."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from ganzoo._version import __version__
from ganzoo.engine.composition import Composition
from ganzoo.errors import RunError
from ganzoo.plugins.options import validated

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo

CHECKPOINTS = 10
"""How often a run is saved by default."""
DEFAULT_ROUNDS = 1000
BUDGET = ("rounds", "seconds", "save_every", "saves")
"""What a plan may change when its run is resumed."""
DEVICES = ("cpu", "cuda", "mps")


class Plan(BaseModel):
    """All that a run is a function of; ``run.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: dict[str, Any]
    data: dict[str, Any]
    seed: NonNegativeInt = 0
    rounds: PositiveInt | None = None
    seconds: PositiveFloat | None = None
    save_every: PositiveInt | None = None
    saves: PositiveInt = CHECKPOINTS
    device: str = "cpu"
    threads: PositiveInt = 1
    versions: dict[str, str] = {}

    def differs(self, other: Plan) -> str | None:
        """The first thing that makes another plan another run; budgets and versions may change."""
        for name in ("variant", "data", "seed", "device"):
            mine, its = getattr(self, name), getattr(other, name)
            if name == "data":  # how many processes read it changes nothing
                mine, its = ({k: v for k, v in d.items() if k != "workers"} for d in (mine, its))
            if mine != its:
                return name
        return None


def plan_run(
    composition: Composition,
    *,
    seed: int = 0,
    rounds: int | None = None,
    seconds: float | None = None,
    save_every: int | None = None,
    saves: int = CHECKPOINTS,
    device: str = "auto",
) -> Plan:
    """A run's plan, every option filled in.

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
        "threads": torch.get_num_threads(),
        "versions": {
            "ganzoo": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "machine": machine(),
        },
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
        raise RunError(message) from None
    except (OSError, ValidationError) as error:
        message = f"{path} cannot be read: {str(error).splitlines()[0]}."
        raise RunError(message) from error


def composed_plan(plan: Plan, zoo: Zoo) -> tuple[Plan, Composition]:
    """A plan as this version writes it, whichever wrote it, and what it composes."""
    variant = zoo.variant(plan.variant)
    composition = Composition(variant, zoo.part("dataset", plan.data), zoo)
    now = {"variant": variant.spec(), "data": composition.dataset.spec()}
    return plan.model_copy(update=now), composition


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
    """A device to train on that is here: ``auto`` is the GPU where there is one."""
    if name != "auto" and name.partition(":")[0] not in DEVICES:
        message = f"device '{name}' cannot be used here: name one of {', '.join(DEVICES)}."
        raise RunError(message)
    return str(usable(name))


def usable(device: str | torch.device) -> torch.device:
    """A device of torch's that is here; RunError for any other."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        message = f"device '{device}' cannot be used here: {str(error).splitlines()[0]}"
        raise RunError(message) from error
    return found
