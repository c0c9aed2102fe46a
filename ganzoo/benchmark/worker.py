"""One run of a benchmark, whatever process it is played in: trained, scored, and written down."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ganzoo.benchmark.cost import cost_of, round_flops, round_images
from ganzoo.benchmark.jobs import Contest, contender
from ganzoo.benchmark.results import REFERENCES, Kind, Lines, Result, has_ended
from ganzoo.benchmark.snapshots import Snapshots
from ganzoo.benchmark.statistics import headline
from ganzoo.engine.composition import Composition
from ganzoo.engine.scoring import floor, measure, measure_game, noise
from ganzoo.errors import ComposeError, DivergedError, InterruptedRunError, ZooError
from ganzoo.pretrained.model import load
from ganzoo.pretrained.sources import is_model_name
from ganzoo.training.plan import plan_run
from ganzoo.training.run import Run
from ganzoo.training.train import default_n

if TYPE_CHECKING:
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.metric import Metric, Score
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.training.plan import Plan

LONGEST = 80
"""Letters of a folder's name, at most."""
SELECTION_SEED = 1
"""The latents that the best checkpoint is chosen on; it is scored on others."""


@dataclass(frozen=True)
class Job:
    """One contender with one seed, and the folder of its run; the references have no contender."""

    contest: Contest
    contender: str
    seed: int
    folder: Path

    @property
    def title(self) -> str:
        """What it is called when it is told of."""
        name = f"{self.contender} · seed {self.seed}" if self.contender else REFERENCES
        return f"{self.contest.data} · {name}"


def jobs_of(contest: Contest, folder: Path, zoo: Zoo) -> list[Job]:
    """The references, then every contender with every seed; of what is trained already, one."""
    jobs = [Job(contest, "", 0, folder / REFERENCES)]
    for label, text in contest.contenders.items():
        seeds = contest.seeds[:1] if is_model_name(text, zoo) else contest.seeds
        jobs += [Job(contest, label, seed, run_folder(folder, label, seed)) for seed in seeds]
    return jobs


def run_folder(folder: Path, label: str, seed: int) -> Path:
    """The folder of one contender's run with one seed."""
    return folder / "runs" / f"{slug(label)}-{seed}"


def slug(text: str) -> str:
    """A text as the name of a folder, the same for no other text."""
    plain = re.sub("[^a-z0-9.]+", "-", text)[:LONGEST]
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def play(job: Job, zoo: Zoo) -> None:
    """Do a job, or the rest of it; however it ends, its last line says so.

    Raises InterruptedRunError alone: what was interrupted is saved, and goes on from there.
    """
    if has_ended(job.folder):
        return
    work = Work(job, Lines(job.folder), zoo)
    threads = torch.get_num_threads()
    torch.set_num_threads(job.contest.threads)
    try:
        work.do()
    except InterruptedRunError:
        raise
    except Exception as error:  # noqa: BLE001  (a plugin may raise anything; it is a result)
        work.add(ended(error), error=reason(error))
    finally:
        torch.set_num_threads(threads)


def ended(error: Exception) -> Kind:
    """How a run ends by an error."""
    if isinstance(error, ComposeError):
        return "refused"
    return "diverged" if isinstance(error, DivergedError) else "failed"


def reason(error: BaseException) -> str:
    """What was raised, in a line."""
    text = (str(error).strip() or "no word").splitlines()[0]
    return text if isinstance(error, ZooError) else f"{type(error).__name__}: {text}"


class Work:
    """A job on its way: the run, its lines, and the best checkpoint so far."""

    def __init__(self, job: Job, lines: Lines, zoo: Zoo) -> None:
        """Be ready to do a job."""
        self.job, self.lines, self.zoo = job, lines, zoo
        self.metrics: list[Metric] = [metric for metric in zoo.metrics() if metric.routine]
        self.headlines = [metric.headline for metric in self.metrics if metric.headline]

    def add(self, kind: Kind, **fields: object) -> Result:
        """Write one line of this job."""
        given = {"contender": self.job.contender, "seed": self.job.seed, **fields}
        result = Result.model_validate({**given, "kind": kind})
        self.lines.add(result)
        return result

    def do(self) -> None:
        """Do what the job is."""
        contest, text = self.job.contest, self.job.contest.contenders.get(self.job.contender, "")
        if not self.job.contender:
            self.references(self.zoo.dataset(contest.data, contest.settings).load())
        elif is_model_name(text, self.zoo):
            self.pretrained(text)
        else:
            self.contend(contender(text, self.zoo, contest.settings))

    # ---------------------------------------------------------------------------- not to be trained

    def references(self, data: Data) -> None:
        """Score training rows and noise as if they were samples, and draw real rows."""
        n = data.scored or len(data.held_out)
        self.lines.rewrite([])
        Snapshots(self.job.folder).real(data)
        floors = floor(self.metrics, data, seed=0, n=n)
        self.add("floor", contender="training data", scores=tuple(floors))
        noises = noise(self.metrics, data, seed=0, n=n)
        self.add("noise", contender="uniform noise", scores=tuple(noises))

    def pretrained(self, name: str) -> None:
        """Score a published model on the contest's data."""
        contest = self.job.contest
        data = self.zoo.dataset(contest.data, contest.settings).load()
        model = load(name, zoo=self.zoo, device=contest.device)
        mine, its = model.config.spaces.get("real"), data.spaces.get("real")
        if mine != its:
            message = f"'{name}' makes samples of {mine}; those of {contest.data} are of {its}."
            raise ComposeError(message)
        self.lines.rewrite([])
        n = data.scored or len(data.held_out)
        samples = model.frozen.sample(n, seed=0)
        scores = tuple(measure(self.metrics, data, samples, seed=0))
        Snapshots(self.job.folder).samples(model.frozen, data)
        for kind in ("last", "best"):
            self.add(kind, rounds=model.config.rounds, scores=scores)

    # -------------------------------------------------------------------------------- to be trained

    def contend(self, variant: Variant) -> None:
        """Train, scoring each checkpoint, and score the last and the best on other latents."""
        contest, folder = self.job.contest, self.job.folder
        dataset = self.zoo.dataset(contest.data, contest.settings)
        composition = Composition(variant, dataset, self.zoo)
        plan = self.plan(composition)
        if (folder / "run.json").exists():
            run = Run.open(folder, self.zoo, started=False)
            run.continue_as(plan)
        else:
            run = Run.create(folder, plan, composition)
        self.forget(run)
        scenes = Snapshots(folder)
        if run.game.rounds == 0 and self.job.seed == self.job.contest.seeds[0]:
            self.add("untrained", scores=self.scores(run, 0), plan=plan)
        curve = [result for result in self.lines.results if result.kind == "curve"]
        best = max(map(self.goodness, curve), default=-inf)

        def at_save(run: Run) -> None:
            nonlocal best
            scores = self.scores(run, SELECTION_SEED)
            scenes.checkpoint(run.game)
            if (good := self.goodness_of(scores)) > best:
                best = good
                run.save(folder / "best.safetensors")
            # The line comes last: what was killed before it is done again.
            self.add("curve", rounds=run.game.rounds, seconds=round(run.seconds, 3), scores=scores)

        scored = {point.rounds for point in curve}
        if run.game.rounds and run.is_due and run.game.rounds not in scored:
            at_save(run)
        run.train(self.zoo.observers(), at_save)
        self.last(run, scenes)
        chosen = Run.open(folder, self.zoo, checkpoint="best")
        told = {"rounds": chosen.game.rounds, "seconds": round(chosen.seconds, 3), "plan": plan}
        self.add("best", scores=self.scores(chosen, 0), **told)

    def last(self, run: Run, scenes: Snapshots) -> None:
        """Score and cost what training ended with."""
        if any(result.kind == "last" for result in self.lines.results):
            return
        scenes.film(run)
        told = {"rounds": run.game.rounds, "seconds": round(run.seconds, 3), "plan": run.plan}
        self.add("last", scores=self.scores(run, 0), cost=cost_of(run), **told)

    def plan(self, composition: Composition) -> Plan:
        """The plan of the run; a budget of images or operations becomes rounds."""
        contest, budget = self.job.contest, self.job.contest.budget
        rounds = budget.rounds
        if budget.images is not None or budget.flops is not None:
            game = composition.game(seed=self.job.seed, device=contest.device)
            if budget.images is not None:
                rounds = ceil(budget.images / round_images(game))
            else:
                rounds = ceil((budget.flops or 0) / max(1, round_flops(game)))
        return plan_run(
            composition,
            seed=self.job.seed,
            rounds=rounds,
            seconds=budget.seconds,
            saves=contest.evaluations,
            device=contest.device,
        )

    def forget(self, run: Run) -> None:
        """Drop what was scored after the checkpoint that a run goes on from."""
        self.lines.rewrite(
            result
            for result in self.lines.results
            if result.rounds <= run.game.rounds and (result.kind != "untrained" or run.game.rounds)
        )

    def scores(self, run: Run, seed: int) -> tuple[Score, ...]:
        """Scores of a run as it stands."""
        game = run.game
        return tuple(measure_game(game, self.metrics, n=default_n(game), seed=seed))

    def goodness(self, result: Result) -> float:
        """The headline of a line, larger for better."""
        return self.goodness_of(result.scores)

    def goodness_of(self, scores: tuple[Score, ...]) -> float:
        """The headline of scores, larger for better."""
        score = headline(scores, self.headlines)
        return score.value if score.better == "higher" else -score.value
