"""A benchmark: every contender trained with every seed, scored best and last."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

import ganzoo
from ganzoo.calls import default_n, plan_run, resumed
from ganzoo.contest.plan import Contest, contender, label
from ganzoo.contest.results import Kind, Result, of_kind, rows_of, verdict
from ganzoo.errors import ComposeError, DivergedError, OptionError, RunError, ZooError
from ganzoo.files import write_text
from ganzoo.metrics.measure import floor, measure_game, noise
from ganzoo.run import Plan, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from ganzoo.metric import Metric
    from ganzoo.variant import Variant
    from ganzoo.zoo import Zoo

SELECTION_SEED = 1
"""The latents that the best checkpoint is chosen on; it is scored on others."""


class Bench:
    """A contest in a folder; ``results`` grows, and ``results.jsonl`` with it, as runs end."""

    def __init__(self, contest: Contest, folder: Path, zoo: Zoo, *, resume: bool = False) -> None:
        """Compose every contender, then make the folder, or take up the results in it.

        A misspelt last contender is not to be found out after hours.
        """
        self.contest, self.folder, self.zoo = contest, folder, zoo
        self.variants: dict[str, Variant] = {
            label(text): contender(text, zoo, contest.settings) for text in contest.contenders
        }
        if len(self.variants) < len(contest.contenders):
            message = "two contenders have the same label; write another one before the @."
            raise OptionError(message)
        self.metrics: list[Metric] = [metric for metric in zoo.metrics() if metric.routine]
        self.results: list[Result] = []
        if (folder / "contest.json").exists():
            self._take_up(resume=resume)
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"cannot make the folder {folder}: {error.strerror}."
            raise RunError(message) from error
        write_text(folder / "contest.json", contest.model_dump_json(indent=2) + "\n")

    def _take_up(self, *, resume: bool) -> None:
        if not resume:
            message = f"{self.folder} already holds results; add --resume, or choose another --out."
            raise RunError(message)
        try:
            held = Contest.model_validate_json((self.folder / "contest.json").read_bytes())
            self.results = load_results(self.folder)
        except (OSError, ValidationError) as error:
            message = f"the results in {self.folder} cannot be read: {str(error).splitlines()[0]}."
            raise RunError(message) from error
        if held != self.contest:
            message = f"{self.folder} holds another contest; choose another --out."
            raise RunError(message)

    @property
    def headline(self) -> str:
        """The number that runs are ranked by: core's first, of those measured on this data."""
        headlines = [metric.headline for metric in self.metrics]
        for result in self.results:
            for score in result.scores:
                if score.metric in headlines:
                    return score.metric
        message = f"no metric can rank runs on '{self.contest.data}'."
        raise ZooError(message)

    def run_folder(self, name: str, seed: int) -> Path:
        """The folder of one contender's run with one seed."""
        slug = re.sub("[^a-z0-9.]+", "-", name)
        if slug != name:  # two names may become one slug
            slug += f"-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
        return self.folder / "runs" / f"{slug}-{seed}"

    def rows(self) -> list[dict[str, Any]]:
        """The table of results."""
        return rows_of(self.results, self.headline)

    def verdict(self) -> str:
        """Who won, in one sentence."""
        return verdict(self.results, self.headline)

    def run(self, told: Callable[[Result], None]) -> None:
        """Train and score everything; ``told`` hears each result as it comes."""
        for name in self.variants:
            for seed in range(self.contest.seeds):
                if self._ended(name, seed):
                    continue
                plan = self._plan(name, seed)
                try:
                    self._contend(name, plan, told)
                except (ComposeError, DivergedError) as error:
                    kind: Kind = "refused" if isinstance(error, ComposeError) else "diverged"
                    failed = Result(
                        contender=name, kind=kind, seed=seed, error=str(error), plan=plan
                    )
                    self._add(failed, told)
                    if kind == "refused":
                        break

    def _ended(self, name: str, seed: int) -> bool:
        ends = ("best", "refused", "diverged")
        ended = {(r.contender, r.seed) for r in self.results if r.kind in ends}
        refused = {r.contender for r in self.results if r.kind == "refused"}
        return (name, seed) in ended or name in refused

    def _plan(self, name: str, seed: int) -> Plan:
        contest = self.contest
        return plan_run(
            self.zoo,
            self.variants[name],
            data=contest.data,
            settings=contest.settings,
            seed=seed,
            rounds=contest.rounds,
            seconds=contest.seconds,
            device=contest.device,
        )

    def _contend(self, name: str, plan: Plan, told: Callable[[Result], None]) -> None:
        folder = self.run_folder(name, plan.seed)
        if (folder / "run.json").exists():
            run = resumed(folder, plan, self.zoo)
            self._forget(name, run)
        else:
            run = Run.create(folder, plan, self.zoo)
            self._references(name, run, told)
        best: Result | None = None
        for point in of_kind(self.results, "curve", name):
            if point.seed == plan.seed and (best is None or self._better(point, best)):
                best = point

        def at_save(run: Run) -> None:
            nonlocal best
            point = self._score(name, "curve", run, SELECTION_SEED)
            self._add(point, told)
            if best is None or self._better(point, best):
                best = point
                run.save(folder / "best.safetensors")

        run.train(self.zoo.observers(), at_save)
        self._add(self._score(name, "last", run, seed=0), told)
        best_run = Run.open(folder, self.zoo, checkpoint="best")
        self._add(self._score(name, "best", best_run, seed=0), told)

    def _forget(self, name: str, run: Run) -> None:
        """Drop what was scored after the checkpoint that a run goes on from."""
        self.results = [
            r
            for r in self.results
            if (r.contender, r.seed) != (name, run.plan.seed) or r.rounds <= run.game.rounds
            if (r.contender, r.seed, r.kind) != (name, run.plan.seed, "last")
        ]
        lines = [result.model_dump_json(exclude_none=True) + "\n" for result in self.results]
        write_text(self.folder / "results.jsonl", "".join(lines))

    def _better(self, one: Result, other: Result) -> bool:
        mine, its = (next(s for s in r.scores if s.metric == self.headline) for r in (one, other))
        return mine.value < its.value if mine.better == "lower" else mine.value > its.value

    def _references(self, name: str, run: Run, told: Callable[[Result], None]) -> None:
        data, n = run.game.data, default_n(run.game)
        if not of_kind(self.results, "floor"):
            floors = tuple(floor(self.metrics, data, seed=0, n=n))
            self._add(Result(contender="training data", kind="floor", scores=floors), told)
            noises = tuple(noise(self.metrics, data, seed=0, n=n))
            self._add(Result(contender="uniform noise", kind="noise", scores=noises), told)
        if run.plan.seed == 0:
            self._add(self._score(name, "untrained", run, seed=0), told)

    def _score(self, name: str, kind: Kind, run: Run, seed: int) -> Result:
        game = run.game
        return Result(
            contender=name,
            kind=kind,
            seed=run.plan.seed,
            rounds=game.rounds,
            seconds=round(run.seconds, 3),
            scores=tuple(measure_game(game, self.metrics, n=default_n(game), seed=seed)),
            plan=None if kind == "curve" else run.plan,
        )

    def _add(self, result: Result, told: Callable[[Result], None]) -> None:
        self.results.append(result)
        with (self.folder / "results.jsonl").open("a", encoding="utf-8") as file:
            file.write(result.model_dump_json(exclude_none=True) + "\n")
        told(result)


def bench(
    contenders: Sequence[str],
    *,
    data: str = "digits",
    rounds: int | None = None,
    seconds: float | None = None,
    seeds: int = 1,
    out: str | Path = "bench",
    settings: Iterable[str] = (),
    device: str = "auto",
    zoo: Zoo | None = None,
    resume: bool = False,
    told: Callable[[Result], None] = lambda _: None,
) -> Bench:
    """Train contenders head-to-head and write ``results.jsonl`` and ``report.html``.

    A contender is ``NAME``, ``NAME:loss=hinge,r1.weight=0.1`` or ``LABEL@NAME:...``; the budget of
    each run is ``rounds``, or ``seconds`` of training. A contender that cannot be composed on this
    data is reported as refused, with the reason; the others go on. ``resume`` goes on with
    a contest that was interrupted in ``out``.
    """
    from ganzoo.contest.report import write_report

    zoo = zoo or ganzoo.default_zoo()
    if rounds is not None and seconds is not None:
        message = "give --rounds or --seconds, not both."
        raise ZooError(message)
    contest = Contest(
        contenders=tuple(dict.fromkeys(contenders)),
        data=data,
        settings=tuple(settings),
        rounds=rounds or (None if seconds else 1000),
        seconds=seconds,
        seeds=seeds,
        device=device,
    )
    started = Bench(contest, Path(out), zoo, resume=resume)
    try:
        started.run(told)
    finally:
        if of_kind(started.results, "last"):
            write_report(started)
    return started


def load_results(folder: Path) -> list[Result]:
    """The results in a folder, as they were written; a line torn by a crash is left out."""
    path = folder / "results.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [Result.model_validate_json(line) for line in lines if line.endswith("\n")]
