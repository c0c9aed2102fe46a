"""Scoring: the values that metrics read by name, and the scores of all metrics that apply."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any, cast

import torch

from ganzoo.engine.chosen import choice, chosen_rows, scored_rows, some
from ganzoo.engine.featured import FEATURED, Featured, measuring, training_features
from ganzoo.engine.heads import discriminator_heads
from ganzoo.engine.precision import FULL_PRECISION
from ganzoo.engine.scores import HELD_OUT, SAMPLES, Scores, doubt, require_rows
from ganzoo.engine.streams import seed_for
from ganzoo.errors import DivergedError, ZooError
from ganzoo.parts.metric import Metric, Score
from ganzoo.parts.needs import accepts, reads
from ganzoo.parts.space import MASK, unmasked
from ganzoo.plugins.isolation import contained

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torch import Tensor

    from ganzoo.engine.game import Game
    from ganzoo.engine.heads import Networks
    from ganzoo.engine.sampling import FrozenGenerator
    from ganzoo.parts.dataset import Data
    from ganzoo.parts.features import FeatureExtractor
    from ganzoo.parts.rows import Rows

CPU = torch.device("cpu")
VALIDATION = 1000
"""The most training rows, taken from the end, that a metric may choose its own options on."""


def measure_game(game: Game, metrics: Iterable[Metric], *, n: int, seed: int) -> Scores:
    """Scores of ``n`` samples of a game's generator, as it is frozen."""
    frozen = game.frozen()
    samples = frozen.sample(n, seed=seed)
    return measure(
        metrics, game.data, samples, seed=seed, game=game, frozen=frozen, device=game.device
    )


def measure(
    metrics: Iterable[Metric],
    data: Data,
    samples: Mapping[str, Tensor],
    *,
    seed: int,
    game: Networks | None = None,
    frozen: FrozenGenerator | None = None,
    device: torch.device = CPU,
) -> Scores:
    """Scores of samples by every metric that reads only what is offered (see ``Metric``).

    ``samples`` is what ``Game.sample`` returns; real rows are the held-out split's, and the heads
    of the game's discriminator on them are computed where a metric reads one. A metric sees at most
    ``metric.rows`` rows of either side, chosen by the seed. Samples for paired metrics are drawn
    from ``frozen``, as many, once for each held-out row at most. A metric that cannot measure is
    left out, and the scores' ``remarks`` say why. Features, and the metrics that can, are computed
    on ``device``; all others on the CPU. Raises DivergedError where a sample is not finite.
    """
    metrics, device = list(metrics), measuring(device)
    alone = [metric for metric in metrics if not metric.paired]
    values, scores = Values(data, samples, alone, seed, game, device=device), Scores()
    add_scores(scores, alone, values)
    paired = [metric for metric in metrics if metric.paired]
    found = paired_samples(frozen, data, values.n, seed) if paired and frozen is not None else None
    if found is not None:
        rows, made = found
        beside = chosen_rows(data.held_out, rows)
        add_scores(
            scores, paired, Values(data, made, paired, seed, game, held_out=beside, device=device)
        )
    return scores


def paired_samples(
    frozen: FrozenGenerator, data: Data, n: int, seed: int
) -> tuple[Tensor, dict[str, Tensor]] | None:
    """Held-out rows by number, and samples made from each; None where none are made from rows."""
    frozen = replace(frozen, rows=data.held_out)
    if not frozen.conditions():
        return None
    rows = choice(len(data.held_out), n, seed)
    return rows, frozen.conditioned_on(rows).sample(len(rows), seed=seed)


def add_scores(scores: Scores, metrics: Iterable[Metric], values: Values) -> None:
    """Add what each metric measures; one that raises is left out with a remark."""
    for metric in metrics:
        with FULL_PRECISION:
            call = contained(scores_of, metric, values)
        if call.error is not None:
            scores.leave_out(metric, call.error)
        found, warnings = call.value or ((), ())
        scores += found
        scores.warnings += warnings


def scores_of(metric: Metric, values: Values) -> tuple[list[Score], list[str]]:
    """The scores by one metric, and doubts about them; none where it reads what is not offered."""
    used, seen = values.read_by(metric)
    if seen is None:
        return [], []
    counts = {SAMPLES: min(values.n, metric.rows)}
    if any(name in values.real or name == "real_features" for name in seen):
        counts = {HELD_OUT: min(len(values.held_out), metric.rows), **counts}
    require_rows(metric, seen, counts)
    found: dict[str, float] = metric.measure(**seen)  # type: ignore[attr-defined]
    numbers = {name: value for name, value in found.items() if isfinite(value)}
    doubts = [
        f"'{name}' came out as {found[name]}, which is no number to compare."
        for name in found.keys() - numbers.keys()
    ]
    if doubts and not numbers:
        raise ZooError(doubts[0])
    scores = [
        Score(
            metric=name,
            value=value,
            better=metric.better[name],
            options=metric.model_dump(mode="json"),
            data=values.data.name,
            data_sha256=values.data.sha256,
            split="held-out",
            n_real=counts.get(HELD_OUT),
            n_fake=counts[SAMPLES],
            seed=values.seed,
            extractor=used.name if used else None,
            extractor_sha256=used.sha256 if used else None,
        )
        for name, value in numbers.items()
    ]
    if scores and (few := doubt(metric, seen, counts)):
        doubts.append(few)
    searched, there = len(seen.get("train_features", ())), len(values.data.train)
    if 0 < searched < there:
        doubts.append(f"'{metric.name}' saw {searched:,} of the {there:,} training rows.")
    return scores, [*doubts, *metric.doubts(seen, found)]


class Values:
    """What metrics may read of some samples and of the data; each is computed at most once."""

    def __init__(
        self,
        data: Data,
        samples: Mapping[str, Tensor],
        metrics: Sequence[Metric],
        seed: int,
        game: Networks | None,
        *,
        device: torch.device,
        held_out: Rows | None = None,
    ) -> None:
        """Read what at least one of the metrics names, of all held-out rows or of those given."""
        if not all(bool(torch.isfinite(value).all()) for value in samples.values()):
            message = "samples that are not finite cannot be scored; the generator has diverged."
            raise DivergedError(message)
        named = {name for metric in metrics for name in (*needs(metric), *takes(metric))}
        self.data, self.seed, self.device = data, seed, device
        most = max((m.rows for m in metrics), default=1)
        self.held_out = held_out or scored_rows(data.held_out, most, seed)
        columns = [n for n in self.held_out.names if n.removesuffix(MASK) in data.spaces]
        self.real = {name: self.held_out.column(name) for name in columns if name in named}
        self.made = {f"fake_{n}" if n in columns else n: value for n, value in samples.items()}
        self.n = len(next(iter(samples.values())))
        self.spaces = {**data.spaces, **{f"fake_{n}": space for n, space in data.spaces.items()}}
        self.shared: dict[str, Any] = {**data.info, "seed": seed}
        if "validation" in named and data.spaces["real"].bounded:
            self.shared["validation"] = data.train.column("real", slice(fitted_on(data), None))
        if game is not None:
            self.shared["spaces"] = game.spaces
            extracted = FEATURED if "features" in data.info else frozenset()
            if any(name.startswith("real_") for name in named - {*columns} - extracted):
                self.real |= discriminator_heads(game, self.held_out)
        own = cast("FeatureExtractor | None", data.info.get("features"))
        self.featured = Featured(self.held_out, self.made.get("fake"), own, device)

    def read_by(self, metric: Metric) -> tuple[FeatureExtractor | None, dict[str, Any] | None]:
        """The extractor that a metric reads features of, if any, and the values that it names.

        No values where one is not offered, or where a partly known one is read without its mask.
        """
        needed = needs(metric)
        used = self.featured.extractor(metric) if FEATURED.intersection(needed) else None
        real = {**self.real, **self.featured.real(used, needed)}
        made = {**self.made, **self.featured.made(used)}
        shared = self.shared
        if used is not None and "train_features" in needed:
            found = training_features(self.data.train, used, self.device, self.seed)
            shared = {**shared, "train_features": found}
        known = {*shared, *real, *made}
        names = [*needed, *(name for name in takes(metric) if name in known)]
        if not known.issuperset(needed) or unmasked(names, self.spaces) is not None:
            return used, None
        columns = {**some(real, metric.rows, self.seed), **some(made, metric.rows, self.seed)}
        seen, where = {**shared, **columns}, self.device if metric.on_device else CPU
        return used, {name: moved(seen[name], where) for name in names}


def moved(value: Any, device: torch.device) -> Any:
    """A value with its tensor, if it is one, on a device."""
    return value.to(device) if isinstance(value, torch.Tensor) else value


def needs(metric: Metric) -> tuple[str, ...]:
    """The values that a metric cannot do without."""
    return reads(metric.measure)  # type: ignore[attr-defined]


def takes(metric: Metric) -> tuple[str, ...]:
    """The values that a metric takes where they are offered."""
    return accepts(metric.measure)  # type: ignore[attr-defined]


def fitted_on(data: Data) -> int:
    """The number of training rows before the validation rows, which are the last ones."""
    return len(data.train) - min(VALIDATION, len(data.train) // 10)


def measure_training_rows(
    metrics: Iterable[Metric], data: Data, *, seed: int, n: int, device: torch.device = CPU
) -> Scores:
    """Scores of ``n`` random training rows in place of samples: those of a perfect memory."""
    stream = torch.Generator().manual_seed(seed_for(seed, "reference"))
    rows = torch.randperm(fitted_on(data), generator=stream)[:n]
    samples = {"fake": data.train.column("real", rows)}
    return measure(metrics, data, samples, seed=seed, device=device)


def measure_noise(
    metrics: Iterable[Metric], data: Data, *, seed: int, n: int, device: torch.device = CPU
) -> Scores:
    """Scores of ``n`` samples of uniform noise over the range of the data."""
    stream = torch.Generator().manual_seed(seed_for(seed, "reference"))
    space = data.spaces["real"]
    low, high = -torch.ones(space.shape), torch.ones(space.shape)
    if not space.bounded:
        real = data.held_out.column("real")
        low, high = real.amin(0), real.amax(0)
    fake = low + (high - low) * torch.rand(n, *space.shape, generator=stream)
    return measure(metrics, data, {"fake": fake}, seed=seed, device=device)
