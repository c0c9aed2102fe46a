"""Comparing two benchmarks in one report, if their terms allow it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.benchmark.contest import folders_in, opened, report_finished
from ganzoo.benchmark.folder import Bench, Benches
from ganzoo.benchmark.results import Result, read
from ganzoo.errors import RunError, ZooError
from ganzoo.parts.arguments import check_arguments
from ganzoo.plugins.default import chosen_zoo
from ganzoo.storage.paths import given_path

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo


class Comparison(Bench):
    """Two benchmarks as one; a label that both have is prefixed with their names."""

    def __init__(self, one: Bench, other: Bench, folder: Path, names: tuple[str, str]) -> None:
        """``names`` are the prefixes. Raises ZooError if the results cannot be compared."""
        different = one.contest.differs(other.contest)
        if different is not None:
            message = f"{one.folder} and {other.folder} cannot be compared: {different}."
            raise ZooError(message)
        self.members, self.folder, self.zoo = (one, other), folder, one.zoo
        self.headlines, self.ranges = one.headlines, one.ranges
        both = one.contest.contenders.keys() & other.contest.contenders.keys()
        contenders: dict[str, str] = {}
        self.jobs = []
        for member, name in zip(self.members, names, strict=True):
            own = member.contest.contenders
            labels = {label: f"{name}/{label}" if label in both else label for label in own}
            contenders |= {labels[label]: text for label, text in own.items()}
            for job in member.jobs:
                if job.contender or member is one:  # the references of both are the same
                    renamed = labels.get(job.contender, "")
                    self.jobs.append(job.model_copy(update={"contender": renamed}))
        seeds = tuple(sorted({*one.contest.seeds, *other.contest.seeds}))
        self.contest = one.contest.model_copy(update={"contenders": contenders, "seeds": seeds})

    @cached_property
    def results(self) -> list[Result]:
        """Every line of both, under the names that they have here."""
        return [
            result.model_copy(update={"contender": job.contender or result.contender})
            for job in self.jobs
            for result in read(job.folder / "results.jsonl")
        ]


def compare(
    one: str | Path, other: str | Path, out: str | Path, *, zoo: Zoo | None = None
) -> Benches:
    """Join the benchmarks in two folders in one report, in the folder ``out``.

    Of two suites, the contests on the same data are joined. Returns a Bench for each of these.
    Raises ZooError if they have different terms, such as the budget, and RunError if a folder
    cannot be used.
    """
    check_arguments(one=one, other=other, out=out)
    zoo, folder = chosen_zoo(zoo), given_path(out)
    places = [given_path(one).resolve(), given_path(other).resolve()]
    if places[0] == places[1]:
        message = f"{one} and {other} are the same folder; there is nothing to compare."
        raise ZooError(message)
    if folders_in(folder) or folder.resolve() in places:
        message = f"{folder} holds a benchmark; choose another --out."
        raise RunError(message)
    mine, its = ({b.contest.called: b for b in opened(Path(f), zoo)} for f in (one, other))
    common = [data for data in mine if data in its]
    if not common:
        message = (
            f"{one} and {other} cannot be compared: data {', '.join(mine)}, not {', '.join(its)}."
        )
        raise ZooError(message)
    names = (places[0].name, places[1].name)
    if names[0] == names[1]:
        names = (str(one), str(other))
    joined = Benches(Comparison(mine[data], its[data], folder, names) for data in common)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot make the folder {folder}: {error.strerror}."
        raise RunError(message) from error
    report_finished(joined, folder)
    return joined
