"""What a benchmark compares, on what data, within what budget, and the jobs that follow from it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from ganzoo.benchmark.contenders import MOST_CONTENDERS, rounded
from ganzoo.benchmark.devices import kind_of
from ganzoo.errors import OptionError
from ganzoo.plugins.sources import is_model_name
from ganzoo.training.plan import CHECKPOINTS, Rounds, Saves, Seconds, Seed, Threads
from ganzoo.training.threads import available_threads

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo

BUDGETS = ("rounds", "images", "seconds", "flops")
DEFAULT_ROUNDS = 1000
FORMAT: Final = 3
"""The version of ``contest.json`` and of the results beside it."""
LONGEST = 80
"""The longest name of a run's folder, in characters, before a hash is appended."""
MOST_SEEDS = 10_000
MOST_RUNS = 100_000
"""Of one contest."""
REFERENCES = "references"
"""The folder of the scores that all contenders are held against."""


class Budget(BaseModel):
    """How long each run may train; exactly one of the fields is given.

    ``images`` counts real samples dealt to the discriminator, ``flops`` the floating-point
    operations of whole rounds; both are converted to rounds by what one round of the contender
    takes. ``seconds`` is time spent in training, without scoring and saving checkpoints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rounds: Rounds | None = None
    images: Annotated[int, Field(gt=0, le=10**15)] | None = None
    seconds: Seconds | None = None
    flops: Annotated[float, Field(gt=0, le=1e30)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(given) != 1:
            message = (
                f"give one budget of {', '.join(BUDGETS)}, not {' and '.join(given) or 'none'}"
            )
            raise ValueError(message)
        return self

    @property
    def name(self) -> str:
        """The name of the field that is given."""
        return next(name for name in BUDGETS if getattr(self, name) is not None)

    @property
    def amount(self) -> str:
        """Its value, in as few digits as read back to the same number."""
        value = getattr(self, self.name)
        short = f"{value:g}"
        return str(value) if isinstance(value, int) or float(short) != value else short

    def __str__(self) -> str:
        """For example ``5000 rounds``."""
        return f"{self.amount} {self.name}"


class Contest(BaseModel):
    """The terms under which every contender is trained and scored; ``contest.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[3] = FORMAT
    contenders: Annotated[dict[str, str], Field(max_length=MOST_CONTENDERS)]
    """Each label, with the contender as ``contenders.contender`` reads it."""
    data: str
    title: str = ""
    """The title of the suite, if the contest belongs to one."""
    part: str = ""
    """Its name within the suite, where that is not the name of its data."""
    settings: tuple[str, ...] = ()
    budget: Budget = Budget(rounds=DEFAULT_ROUNDS)
    seeds: Annotated[tuple[Seed, ...], Field(max_length=MOST_SEEDS)] = (0,)
    evaluations: Saves = CHECKPOINTS
    device: str = "cpu"
    devices: tuple[str, ...] = ()
    """Those that runs are spread over, all of the kind ``device``; it may change as below."""
    threads: Threads | None = None
    """Threads of each run; None for as many as suit its size, at most its share of the cores."""
    processes: Threads = 1
    """Runs at a time, which a resumed contest may change."""

    @property
    def called(self) -> str:
        """Its name within a suite."""
        return self.part or self.data

    @property
    def most_threads(self) -> int:
        """The threads that a run may have."""
        return self.threads or max(1, available_threads() // self.processes)

    @field_validator("seeds", mode="before")
    @classmethod
    def _count(cls, seeds: object) -> object:
        """Read a number K as the seeds 0 to K-1."""
        if not isinstance(seeds, int):
            return seeds
        if seeds > MOST_SEEDS:
            message = f"{rounded(seeds)} are too many: at most {MOST_SEEDS:,} can be run"
            raise ValueError(message)
        return tuple(range(seeds))

    @field_validator("seeds", "contenders")
    @classmethod
    def _not_empty(
        cls, value: tuple[int, ...] | dict[str, str]
    ) -> tuple[int, ...] | dict[str, str]:
        if not value or len(set(value)) < len(value):
            message = "there must be at least one, and none of them twice"
            raise ValueError(message)
        return value

    @field_validator("contenders")
    @classmethod
    def _valid_labels(cls, value: dict[str, str]) -> dict[str, str]:
        for label, text in value.items():
            if label != text and (not label or set(label) & set("@/")):
                message = f"'{label}' is not a label: it must not be empty or contain @ or /"
                raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        count = len(self.contenders) * len(self.seeds)
        if count > MOST_RUNS:
            message = (
                f"{len(self.contenders):,} contenders with {len(self.seeds):,} seeds each are "
                f"{count:,} runs: at most {MOST_RUNS:,} can be run"
            )
            raise ValueError(message)
        return self

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """A contest from its terms; OptionError names the first term that is wrong."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(key) for key in first["loc"])
            what = first["msg"].removeprefix("Value error, ")
            message = f"{where}: {what}." if where else f"{what}."
            raise OptionError(message) from None

    def differs(self, other: Contest) -> str | None:
        """The first term that keeps the results of two contests from being compared, in words."""
        names = ["data", "budget", "evaluations", "device"]
        if self.budget.seconds is not None:
            names += ["threads", "processes"]  # they decide how far a run gets in its seconds
        for name in names:
            mine, its = getattr(self, name), getattr(other, name)
            if mine != its and not (name == "device" and kind_of(mine) == kind_of(its)):
                return f"{name} {mine}, not {its}"
        return None

    def conflict(self, other: Contest) -> str | None:
        """The first term that makes another contest of it, with both values."""
        for name, value in self:
            its = getattr(other, name)
            if name == "device" and kind_of(value) == kind_of(its):
                continue
            if name not in {"processes", "devices"} and value != its:
                return f"{name} {value} there, {its} here"
        return None


class Job(BaseModel):
    """One contender with one seed, and the folder of its run; an empty name means the references.

    It is sent to other processes and machines as JSON.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contest: Contest
    contender: str
    seed: Seed
    folder: Path
    device: str | None = None
    """The one of the contest's devices that it has, if they are listed."""

    def on(self, device: str | None) -> Job:
        """The job on a device of the contest's kind; None for the contest's own."""
        return self.model_copy(update={"device": device})

    @property
    def place(self) -> str:
        """The device that it is done on."""
        return self.device or self.contest.device


def jobs_of(contest: Contest, folder: Path, zoo: Zoo) -> list[Job]:
    """The references, then each contender with each seed; a pretrained model is scored once."""
    jobs = [Job(contest=contest, contender="", seed=0, folder=folder / REFERENCES)]
    for label, text in contest.contenders.items():
        for seed in contest.seeds[:1] if is_model_name(text, zoo) else contest.seeds:
            place = folder / "runs" / f"{slug(label)}-{seed}"
            jobs.append(Job(contest=contest, contender=label, seed=seed, folder=place))
    return jobs


def slug(text: str) -> str:
    """A folder's name for a text; different texts get different names."""
    plain = re.sub("[^a-z0-9.]+", "-", text)[:LONGEST]
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
