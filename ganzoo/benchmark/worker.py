"""A worker does one job of a benchmark: it trains, scores and writes the results down."""

from __future__ import annotations

from math import ceil, inf
from typing import TYPE_CHECKING

from ganzoo.benchmark.contenders import contender
from ganzoo.benchmark.cost import cost_of, round_flops, round_images, sample_flops
from ganzoo.benchmark.results import Kind, Result, ResultsFile, is_complete
from ganzoo.benchmark.snapshots import Snapshots
from ganzoo.benchmark.standings import headline
from ganzoo.engine.composition import Composition
from ganzoo.engine.scoring import measure_game, measure_noise, measure_training_rows
from ganzoo.errors import (
    ComposeError,
    DivergedError,
    InterruptedRunError,
    RunError,
    ZooError,
    without_secrets,
)
from ganzoo.plugins.sources import is_model_name
from ganzoo.pretrained.opening import load
from ganzoo.pretrained.scores import default_n, measure_model
from ganzoo.training.computing import computing_on
from ganzoo.training.device import usable
from ganzoo.training.plan import plan_run
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ganzoo.benchmark.jobs import Job
    from ganzoo.engine.scores import Scores
    from ganzoo.parts.dataset import Data, Dataset
    from ganzoo.parts.metric import Score
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.training.plan import Plan

SELECTION_SEED, FINAL_SEED = 1, 0
"""Latents to choose the best checkpoint on, and others to score it on: less flattering."""


class LoadedData:
    """The dataset loaded last: the jobs of one process mostly share it."""

    def __init__(self) -> None:
        self._source: Dataset | None = None
        self._data: Data

    def load(self, source: Dataset) -> Data:
        """The rows of a dataset, read again only if it is not the one of the call before."""
        if source != self._source:
            self._data = source.load()
            self._source = source
        return self._data


class Worker:
    """Does one job, or the rest of it, in this process."""

    def __init__(self, job: Job, zoo: Zoo, loaded: LoadedData | None = None) -> None:
        """``loaded`` may be shared by the workers of one process."""
        self.job, self.contest, self.zoo = job, job.contest, zoo
        self.loaded = loaded or LoadedData()
        self.metrics = [metric for metric in zoo.metrics() if metric.routine]
        self.headlines = [metric.headline for metric in self.metrics if metric.headline]
        self.snapshots = Snapshots(job.folder)

    def run(self) -> None:
        """Do the job; its last line says how it ended, whatever was raised.

        Raises only InterruptedRunError, with which the run is saved and the same job resumes it,
        and KeyboardInterrupt.
        """
        if is_complete(self.job.folder):
            return
        self.file = ResultsFile(self.job.folder)
        text = self.contest.contenders.get(self.job.contender, "")
        try:
            with computing_on(self.contest.most_threads):
                if not self.job.contender:
                    self.score_references()
                elif is_model_name(text, self.zoo):
                    self.score_pretrained(text)
                else:
                    self.compete(contender(text, self.zoo, self.contest.settings))
        except (InterruptedRunError, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001  (a plugin may raise anything; it is a result)
            self.add(ending(error), error=reason(error))

    @property
    def dataset(self) -> Dataset:
        """The dataset of the contest."""
        return self.zoo.dataset(self.contest.data, self.contest.settings)

    @property
    def data(self) -> Data:
        """Its rows, read once for all jobs of a process."""
        return self.loaded.load(self.dataset)

    def add(self, kind: Kind, scores: Scores | None = None, **fields: object) -> None:
        """Append one line to the job's results."""
        given = {"contender": self.job.contender, "seed": self.job.seed, **fields, "kind": kind}
        if scores is not None:
            given |= {"scores": tuple(scores), "remarks": tuple(scores.remarks) or None}
        self.file.add(Result.model_validate(given))

    # -------------------------------------------------------------------------- without training

    def score_references(self) -> None:
        """Score training rows and uniform noise as if they were samples, and draw real rows."""
        data, device = self.data, usable(self.contest.device)
        n = default_n(data)
        self.file.rewrite([])
        self.snapshots.real(data)
        rows = measure_training_rows(self.metrics, data, seed=FINAL_SEED, n=n, device=device)
        rows.warnings.extend(data.remarks)
        self.add("training-data", rows, contender="training data")
        uniform = measure_noise(self.metrics, data, seed=FINAL_SEED, n=n, device=device)
        self.add("noise", uniform, contender="uniform noise")

    def score_pretrained(self, name: str) -> None:
        """Score a published model on the contest's data; ComposeError if it makes other samples."""
        data = self.data
        model = load(name, zoo=self.zoo, device=self.job.place)
        mine, its = model.config.spaces.get("real"), data.spaces.get("real")
        if mine != its:
            message = (
                f"'{name}' generates samples of {mine}, but {self.contest.data} has samples of "
                f"{its}."
            )
            raise ComposeError(message)
        self.file.rewrite([])
        scores = measure_model(model, self.metrics, data, n=default_n(data), seed=FINAL_SEED)
        self.snapshots.samples(model.frozen, data)
        for kind in ("last", "best"):
            self.add(kind, scores, rounds=model.config.rounds)

    # ----------------------------------------------------------------------------- with training

    def compete(self, variant: Variant) -> None:
        """Train, score each checkpoint, then score the last and the best one on other latents."""
        folder = self.job.folder
        composition = Composition(variant, self.dataset, self.zoo, loaded=self.data)
        # On a game before its training: what an episode takes depends on the policy.
        game = composition.game(seed=self.job.seed, device=self.job.place)
        flops = round_flops(game)
        sample_flops(game.frozen())  # what cannot be counted is found before the training
        plan = self.plan(composition, flops)
        if (folder / "run.json").exists():
            run = Run.resume(folder, plan, composition)
        else:
            run = Run.create(folder, plan, composition)
        self.drop_lines_after(run)
        game = run.game
        if game.rounds == 0 and self.job.seed == self.contest.seeds[0]:
            self.add("untrained", self.scores(run, FINAL_SEED), plan=plan)
        curve = [result for result in self.file.results if result.kind == "curve"]
        self.best = max((self.quality(point.scores) for point in curve), default=-inf)
        scored = {point.rounds for point in curve}
        # A crash between saving a checkpoint and scoring it: score it now.
        if game.rounds and run.plan.budget.is_due(game.rounds) and game.rounds not in scored:
            self.score_checkpoint(run)
        run.train(self.zoo.observers(), self.score_checkpoint)
        if not any(result.kind == "last" for result in self.file.results):
            self.snapshots.film(run)
            self.add_final("last", run, cost=cost_of(run, flops))
        self.add_best(run)

    def plan(self, composition: Composition, flops: int) -> Plan:
        """The plan of the run; a budget of images or operations is converted to rounds."""
        budget = self.contest.budget
        rounds = budget.rounds
        if budget.images is not None:
            rounds = ceil(budget.images / round_images(composition.variant))
        elif budget.flops is not None:
            rounds = ceil(budget.flops / max(1, flops))
        return plan_run(
            composition,
            seed=self.job.seed,
            rounds=rounds,
            seconds=budget.seconds,
            saves=self.contest.evaluations,
            device=self.job.place,
            threads=self.contest.threads,
        )

    def drop_lines_after(self, run: Run) -> None:
        """Drop the lines of rounds that a resumed run is about to play again."""
        now = run.game.rounds
        self.file.rewrite(
            result
            for result in self.file.results
            if result.rounds <= now and (result.kind != "untrained" or now)
        )

    def score_checkpoint(self, run: Run) -> None:
        """Score a run as just saved, and keep it if it is the best so far."""
        scores = self.scores(run, SELECTION_SEED)
        self.snapshots.checkpoint(run.game)
        quality = self.quality(scores)
        if quality > self.best or quality == -inf:  # what cannot be ranked keeps the last one
            self.best = quality
            run.save(self.job.folder / "best.safetensors")
        # The line comes last: if a crash prevents it, all of the above is done again.
        rounds, seconds = run.game.rounds, round(run.seconds, 3)
        self.add("curve", scores, rounds=rounds, seconds=seconds)

    def add_final(self, kind: Kind, run: Run, remark: str = "", **fields: object) -> None:
        """Score a run as it stands on the final latents, and append the line."""
        scores = self.scores(run, FINAL_SEED)
        scores.warnings.extend(filter(None, [remark]))
        if kind == "last":
            scores.warnings.extend(run.warnings.values())
        rounds, seconds = run.game.rounds, round(run.seconds, 3)
        self.add(kind, scores, rounds=rounds, seconds=seconds, plan=run.plan, **fields)

    def add_best(self, run: Run) -> None:
        """Score the best checkpoint; where it cannot be read, the run as it stands, at its last."""
        remark = ""
        try:
            run.load(self.job.folder / "best.safetensors")
        except RunError as error:
            remark = f"the last checkpoint is scored as the best one: {error}"
        self.add_final("best", run, remark)

    def scores(self, run: Run, seed: int) -> Scores:
        """The scores of a run as it stands, on the latents of a seed."""
        game = run.game
        return measure_game(game, self.metrics, n=default_n(game.data), seed=seed)

    def quality(self, scores: Iterable[Score]) -> float:
        """The headline score, with its sign changed where lower is better; -inf without one."""
        score = headline(scores, self.headlines)
        if score is None:
            return -inf
        return score.value if score.better == "higher" else -score.value


def ending(error: BaseException) -> Kind:
    """The kind of result that an error leads to."""
    if isinstance(error, ComposeError):
        return "refused"
    return "diverged" if isinstance(error, DivergedError) else "failed"


def reason(error: BaseException) -> str:
    """An error in one line, with its type if it is not one of ganzoo's own."""
    text = without_secrets((str(error).strip() or "no message").splitlines()[0])
    return text if isinstance(error, ZooError) else f"{type(error).__name__}: {text}"


def record_death(job: Job, error: str) -> None:
    """Write down, in a job's results, that the process that worked on it died."""
    died = Result(contender=job.contender, seed=job.seed, kind="died", error=error)
    ResultsFile(job.folder).add(died)
