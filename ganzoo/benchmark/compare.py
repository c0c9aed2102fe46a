"""Two benchmarks side by side in one report, where their terms allow it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.benchmark.contest import folders_in, reopened
from ganzoo.benchmark.folder import Bench
from ganzoo.benchmark.results import Result, read
from ganzoo.benchmark.worker import Job
from ganzoo.errors import RunError, ZooError
from ganzoo.plugins.default import default_zoo

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo


class Joined(Bench):
    """Two benchmarks side by side; a label that both have is told by the names of the two."""

    def __init__(self, one: Bench, other: Bench, folder: Path, names: tuple[str, str]) -> None:
        """Raise ZooError where their results cannot be compared."""
        different = one.contest.differs(other.contest)
        if different is not None:
            message = f"{one.folder} and {other.folder} cannot be compared: {different}."
            raise ZooError(message)
        self.parts, self.folder, self.zoo = (one, other), folder, one.zoo
        self.headlines = one.headlines
        both = one.contest.contenders.keys() & other.contest.contenders.keys()
        self.names = {
            (part.folder, label): f"{name}/{label}" if label in both else label
            for part, name in zip(self.parts, names, strict=True)
            for label in part.contest.contenders
        }
        contenders = {
            self.names[part.folder, label]: text
            for part in self.parts
            for label, text in part.contest.contenders.items()
        }
        seeds = tuple(sorted({*one.contest.seeds, *other.contest.seeds}))
        self.contest = one.contest.model_copy(update={"contenders": contenders, "seeds": seeds})
        self.jobs = [
            Job(
                part.contest, self.names.get((part.folder, job.contender), ""), job.seed, job.folder
            )
            for part in self.parts
            for job in part.jobs
            if job.contender or part is one
        ]

    @property
    def results(self) -> list[Result]:
        """Every line of both, under the names that they have here."""
        return [
            result.model_copy(update={"contender": job.contender or result.contender})
            for job in self.jobs
            for result in read(job.folder / "results.jsonl")
        ]


def compare(
    one: str | Path, other: str | Path, out: str | Path, *, zoo: Zoo | None = None
) -> list[Bench]:
    """Join two benchmarks of the same data and budget in one report; ZooError where they differ."""
    from ganzoo.benchmark.report import write_report

    zoo = zoo or default_zoo()
    folder = Path(out)
    places = [Path(one).resolve(), Path(other).resolve()]
    if places[0] == places[1]:
        message = f"{one} and {other} are one folder; there is nothing to compare."
        raise ZooError(message)
    if folders_in(folder) or folder.resolve() in places:
        message = f"{folder} holds a benchmark; choose another --out."
        raise RunError(message)
    mine, its = ({b.contest.data: b for b in reopened(Path(f), zoo)} for f in (one, other))
    common = [data for data in mine if data in its]
    if not common:
        message = (
            f"{one} and {other} cannot be compared: data {', '.join(mine)}, not {', '.join(its)}."
        )
        raise ZooError(message)
    one_name, other_name = (place.name for place in places)
    names = (one_name, other_name) if one_name != other_name else (str(one), str(other))
    joined: list[Bench] = [Joined(mine[data], its[data], folder, names) for data in common]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot make the folder {folder}: {error.strerror}."
        raise RunError(message) from error
    write_report(joined, folder)
    return joined
