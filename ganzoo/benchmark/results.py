"""Results of a benchmark: one line for each scored checkpoint, kept in the folder of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganzoo.errors import RunError, fault
from ganzoo.parts.metric import Score
from ganzoo.storage.files import write_text
from ganzoo.storage.reading import MIB, read_bytes
from ganzoo.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Kind = Literal[
    "training-data",
    "noise",
    "untrained",
    "curve",
    "last",
    "best",
    "refused",
    "diverged",
    "failed",
    "died",
]
FINAL: tuple[Kind, ...] = ("best", "noise", "refused", "diverged", "failed")
"""The kinds of line after which a job has nothing left to do."""
SHOWN: tuple[Kind, ...] = ("last", "best", "training-data", "noise")
"""The kinds of line whose numbers are compared in a table."""
LOST: tuple[Kind, ...] = ("diverged", "failed", "died")
"""How a training seed may fail to finish."""
MOST_BYTES = 16 * MIB
"""Of the results of one run; those of a thousand checkpoints take two."""


class Cost(BaseModel):
    """What one run cost. Only the last five fields depend on the machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, int]
    """The number of parameters of each player's network."""
    round_images: int
    """Real samples dealt to the discriminator in a round: the batch size times its turns."""
    round_flops: int
    """Floating-point operations of a round, forward and backward, as torch counts them."""
    sample_flops: int
    """Floating-point operations to draw one sample."""
    rounds_per_second: float
    images_per_second: float
    peak_memory_mb: float
    """Peak memory in MiB of the run's process, or of the GPU if it ran on one."""
    first_sample_ms: float
    """Milliseconds to draw one sample: the median of up to nine repeats."""
    batch_sample_ms: float
    """Milliseconds to draw 64 samples: the median of up to nine repeats."""


class Result(BaseModel):
    """One line of ``results.jsonl``: the scores of one checkpoint, or why there are none.

    Three kinds are references: ``training-data`` scores training rows as if they were samples,
    ``noise`` scores uniform noise, and ``untrained`` scores the generator before training.
    ``curve`` is one point of a learning curve; ``last`` and ``best`` are the checkpoints that are
    compared. A contender that cannot be composed is ``refused``; a run whose values stop being
    finite has ``diverged``; any other error means ``failed``. If the run's process ``died``, the
    next command tries it again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contender: str
    kind: Kind
    seed: int = 0
    rounds: Annotated[int, Field(ge=0, le=10**12)] = 0
    seconds: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    scores: tuple[Score, ...] = ()
    remarks: tuple[str, ...] | None = None
    """Why metrics that apply were left out, and doubts about numbers, a sentence each."""
    error: str | None = None
    plan: Plan | None = None
    cost: Cost | None = None

    def value(self, metric: str) -> float | None:
        """The value of one number, or None if it was not measured."""
        found = self.score(metric)
        return None if found is None else found.value

    def score(self, metric: str) -> Score | None:
        """One number with its protocol, or None if it was not measured."""
        return next((score for score in self.scores if score.metric == metric), None)


class ResultsFile:
    """A run's ``results.jsonl``, which grows line by line and has a single writer."""

    def __init__(self, folder: Path) -> None:
        """Open the file in a run's folder, without an incomplete last line or old ``died`` lines.

        Raises RunError if the file cannot be read (see ``read``).
        """
        self.path = folder / "results.jsonl"
        self.rewrite(result for result in read(self.path) if result.kind != "died")

    def rewrite(self, results: Iterable[Result]) -> None:
        """Replace all lines."""
        self.results = list(results)
        if self.results or self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self.path, "".join(map(line, self.results)))

    def add(self, result: Result) -> None:
        """Append one line."""
        self.results.append(result)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line(result))


def is_complete(folder: Path) -> bool:
    """Whether the job in this folder has nothing left to do."""
    return any(result.kind in FINAL for result in read(folder / "results.jsonl"))


def line(result: Result) -> str:
    """A result as one line of JSON."""
    return result.model_dump_json(exclude_none=True) + "\n"


def read(path: Path) -> list[Result]:
    """The results in a file; an empty list if there is no file.

    A last line without a line break was cut off by a crash and is dropped: the run makes it again.
    A line that repeats an earlier one says nothing new and is dropped too. Raises RunError if the
    file cannot be read or a whole line is not a result of this version.
    """
    try:
        content = read_bytes(path, MOST_BYTES)
    except FileNotFoundError:
        return []
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise RunError(message) from error
    found: dict[bytes, Result] = {}
    for number, row in enumerate(content.split(b"\n")[:-1], 1):
        if row in found:
            continue
        try:
            found[row] = Result.model_validate_json(row)
        except ValidationError as error:
            message = (
                f"{path}, line {number}, is not a result of this version of ganzoo "
                f"({fault(error)}); upgrade ganzoo-core, or choose another --out."
            )
            raise RunError(message) from error
    return [*found.values()]


def of_kind(results: Iterable[Result], kind: Kind, contender: str | None = None) -> list[Result]:
    """The results of one kind, of one contender or of all."""
    return [r for r in results if r.kind == kind and contender in {None, r.contender}]
