"""Results of a benchmark: one line for each scored checkpoint, kept in the folder of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ganzoo.benchmark.cost import Cost
from ganzoo.errors import RunError
from ganzoo.parts.metric import Score
from ganzoo.storage.files import write_text
from ganzoo.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Kind = Literal[
    "floor", "noise", "untrained", "curve", "last", "best", "refused", "diverged", "failed", "died"
]
ENDS: tuple[Kind, ...] = ("best", "noise", "refused", "diverged", "failed")
"""The kinds of which a job's last line is one."""
REFERENCES = "references"
"""The folder of what all contenders are held against."""


class Result(BaseModel):
    """One line of ``results.jsonl``: scores of one checkpoint of one run, or why there is none.

    ``floor`` (training rows scored as if they were samples), ``noise`` (uniform noise) and
    ``untrained`` are references; ``curve`` is one point of a learning curve. A run is ``refused``
    that cannot be composed, has ``diverged`` where its numbers did, and ``failed`` otherwise; where
    its process ``died``, it is tried again by the next command.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contender: str
    kind: Kind
    seed: int = 0
    rounds: int = 0
    seconds: float = 0.0
    scores: tuple[Score, ...] = ()
    error: str | None = None
    plan: Plan | None = None
    cost: Cost | None = None

    def value(self, metric: str) -> float | None:
        """The value of one number, where it was measured."""
        found = self.score(metric)
        return None if found is None else found.value

    def score(self, metric: str) -> Score | None:
        """One number with its protocol, where it was measured."""
        return next((score for score in self.scores if score.metric == metric), None)


class Lines:
    """A ``results.jsonl`` that grows line by line; there is one writer to a file."""

    def __init__(self, folder: Path) -> None:
        """Take up what a folder holds; a line that a crash has torn is left out."""
        self.path = folder / "results.jsonl"
        self.rewrite(result for result in read(self.path) if result.kind != "died")

    def rewrite(self, results: Iterable[Result]) -> None:
        """Have these lines and no others."""
        self.results = list(results)
        if self.results or self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self.path, "".join(map(line, self.results)))

    def add(self, result: Result) -> None:
        """Write one more line."""
        self.results.append(result)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line(result))


def has_ended(folder: Path) -> bool:
    """Whether nothing is left to be done of the job in a folder."""
    return any(result.kind in ENDS for result in read(folder / "results.jsonl"))


def line(result: Result) -> str:
    """A result as its line."""
    return result.model_dump_json(exclude_none=True) + "\n"


def read(path: Path) -> list[Result]:
    """The results in a file; RunError where a whole line is none of this version's.

    A last line without its end is left out: a crash has torn it, and it is made again.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise RunError(message) from error
    found = []
    for number, row in enumerate(text.splitlines(keepends=True), 1):
        if not row.endswith("\n"):
            break
        try:
            found.append(Result.model_validate_json(row))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(key) for key in first["loc"]) or "it"
            message = (
                f"{path}, line {number}, is no result of this version of ganzoo ({where}: "
                f"{first['msg']}); upgrade ganzoo-core, or choose another --out."
            )
            raise RunError(message) from error
    return found


def of_kind(results: Iterable[Result], kind: Kind, contender: str | None = None) -> list[Result]:
    """The results of one kind, of one contender or of all."""
    return [r for r in results if r.kind == kind and contender in {None, r.contender}]
