"""Signals of collapse, measured on a few samples: cheap, and the same for every composition.

Each is None where it cannot be measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from ganzoo.parts.needs import reads
from ganzoo.parts.part import DISCRIMINATOR
from ganzoo.parts.space import MASK, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ganzoo.parts.dataset import Data
    from ganzoo.parts.protocols import PlayedGame
    from ganzoo.parts.rows import Rows
    from ganzoo.parts.space import Space

SAMPLES = 256
"""Samples that classes are counted among: as many as are drawn in one batch anyway."""
SPREAD = 64
"""Samples whose distances are measured, 64 from 64."""
KNOWN = 1000
"""Labelled training rows, one of which is nearest to a sample. Of more classes than that, such as
numbers of customers, none is frequent."""
NUMBERS = 1 << 24
"""About the most numbers that rows may have together: 64 MiB."""
EXPECTED = 10
"""How many of the samples must be expected of a class before it can be missing: by chance, none
are in one of 20,000 cases."""
FEWEST = 5
"""Held-out rows of a class from which its share is taken; of fewer, it is never missing."""
NEAR = 1.25
"""How much farther from training rows than those from each other samples may be, to be judged by
them. Samples that are like nothing yet are nearest to a few of the rows, whatever they become."""
PAIRS = 64
"""The fewest pairs of samples of one label that their distance is measured on."""


class Judge(Protocol):
    """Assigns samples to classes, or modes."""

    names: tuple[str, ...]

    def __call__(self, samples: Tensor) -> tuple[Tensor, bool]:
        """Each sample's class, int64 (N,), and whether the samples are good enough to be judged."""


@dataclass(frozen=True)
class Reference:
    """Some real rows to hold samples against, read once."""

    real: Tensor
    """Held-out rows."""
    columns: Mapping[str, Tensor]
    """Every column of them."""
    judges: Mapping[str, Judge]
    """What assigns samples to classes, by the name of the classes, as ``label``."""
    shares: Mapping[str, Tensor]
    """The share of held-out rows that is assigned to each class."""

    @classmethod
    def of(cls, data: Data) -> Reference:
        """A reference from a dataset."""
        most = NUMBERS // data.spaces["real"].size
        columns = some(data.held_out, min(SAMPLES, max(SPREAD, most)))
        real, judges = columns["real"], dict[str, Judge]()
        locate, modes = data.info.get("locate"), data.info.get("modes")
        if callable(locate) and isinstance(modes, int):
            judges["mode"] = Located(locate, modes)
        categories = [n for n in data.train.names if n in data.spaces and counts(data.spaces[n])]
        if categories and "real" not in data.train.fetched:  # else it would read many files
            known = some(data.train, min(KNOWN, max(SPREAD, most)))
            for name in categories:
                labels = known[name].where(known.get(name + MASK, torch.tensor(data=True)), UNKNOWN)
                judges[name] = Nearest(data.spaces[name], known["real"], labels)
        found = {
            name: torch.bincount(judge(real)[0], minlength=len(judge.names))
            for name, judge in judges.items()
        }
        # A few rows say little of how frequent their class is.
        shares = {name: n.where(n >= FEWEST, 0) / len(real) for name, n in found.items()}
        return cls(real, columns, judges, shares)


class Located:
    """Assigns points to the modes that their dataset knows."""

    def __init__(self, locate: Callable[[Tensor], tuple[Tensor, Tensor]], modes: int) -> None:
        self.locate, self.names = locate, tuple(map(str, range(modes)))

    def __call__(self, samples: Tensor) -> tuple[Tensor, bool]:
        """Modes; judged where at least half of the samples are of high quality."""
        nearest, good = self.locate(samples)
        return nearest, bool(good.double().mean() >= 0.5)  # noqa: PLR2004  (half)


class Nearest:
    """Gives a sample the label of the nearest training row whose label is known."""

    def __init__(self, space: Space, rows: Tensor, labels: Tensor) -> None:
        known = labels != UNKNOWN
        self.names = space.names or tuple(map(str, range(space.classes or 0)))
        self.labels, flat = labels[known], rows[known].flatten(1).float()
        self.center = flat.mean(0)
        self.rows = flat - self.center  # products of small numbers keep more digits
        apart = torch.cdist(self.rows, self.rows).fill_diagonal_(torch.inf)
        self.usual = apart.min(1).values.median()

    def __call__(self, samples: Tensor) -> tuple[Tensor, bool]:
        """Labels; judged where samples are about as near to the rows as those to each other."""
        apart = torch.cdist(samples.flatten(1).float() - self.center, self.rows)
        near, which = apart.min(1)
        return self.labels[which], bool(near.median() <= NEAR * self.usual)


def counts(space: Space) -> bool:
    """Whether values are of classes, few enough for some to be frequent."""
    return 0 < (space.classes or 0) <= KNOWN


def some(rows: Rows, n: int) -> dict[str, Tensor]:
    """Every column of some rows, chosen at random and always the same, on the CPU."""
    chosen = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:n]
    chosen = chosen.to(rows.device)
    return {name: rows.column(name, chosen).cpu() for name in rows.names}


# ------------------------------------------------------------------------------- of the samples


def likeness(
    fake: Tensor, real: Tensor, labels: tuple[Tensor, Tensor] | None = None
) -> float | None:
    """The mean distance of samples from each other, by that of real rows.

    About 1 where samples differ as much as the data, and 0 where all are equal. ``labels``, of the
    samples and of the rows, restrict it to pairs of one label. None where there are too few pairs,
    or the rows are all equal.
    """
    spreads = []
    for samples, label in zip((fake, real), labels or (None, None), strict=True):
        pairs = ~torch.eye(len(samples), dtype=torch.bool)
        if label is not None:
            pairs &= label[:, None] == label[None]
        if pairs.sum() < PAIRS:
            return None
        flat = samples.flatten(1).float()
        # By differences: where samples are alike, products lose the digits in which they differ.
        apart = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
        spreads.append(float(apart[pairs].mean()))
    return spreads[0] / spreads[1] if spreads[1] > 0 else None


def missing(samples: Tensor, judge: Judge, shares: Tensor) -> list[str]:
    """The classes of real rows that none of N samples is of, beyond what chance allows.

    No class is missing where the samples cannot be judged yet.
    """
    found, judged = judge(samples)
    if not judged:
        return []
    counts = torch.bincount(found, minlength=len(shares))
    absent = (shares * len(samples) >= EXPECTED) & (counts == 0)
    return [judge.names[i] for i in absent.nonzero().flatten().tolist()]


# -------------------------------------------------------------------------------- of the scores


@dataclass(frozen=True)
class Judgement:
    """How a discriminator scores held-out rows and new samples."""

    size: float
    """The median of the scores' absolute values."""
    separated: float
    """The share of pairs of a real row and a sample in which the real one scores higher."""
    slope: float | None
    """The mean absolute derivative of the discriminator's loss by a score."""


def judgement(game: PlayedGame, reference: Reference) -> Judgement | None:
    """The scores of a batch, which leave no trace in the game; None where there are none."""
    if not (game.plays("score") and game.plays("generate")):
        return None
    n = min(game.batch, len(reference.real))
    columns = {name: value[:n].to(game.device) for name, value in reference.columns.items()}
    stream = torch.Generator(game.device).manual_seed(0)
    with game.untouched(), game.leased():
        now = game.variant.at(game.progress)
        drawn = now.sampler.latent(n, game.spaces, stream)
        step = game.step(DISCRIMINATOR, None, **{**columns, **drawn})
        real, fake = step["real_score"], step["fake_score"]
        loss = getattr(now.loss, DISCRIMINATOR)
        objective = loss(**{name: step[name] for name in reads(loss)})
        slope = slope_of(objective, [real, fake])
    real, fake = real.detach().flatten().double(), fake.detach().flatten().double()
    return Judgement(
        size=float(torch.cat([real, fake]).abs().median()),
        separated=float((real[:, None] > fake[None]).double().mean()),
        slope=slope,
    )


def slope_of(objective: Tensor, scores: list[Tensor]) -> float | None:
    """The mean absolute derivative of summed terms by scores; None if they read none of them."""
    if not objective.requires_grad:
        return None
    grads = torch.autograd.grad(objective.sum(), scores, allow_unused=True)
    read = [grad.abs().flatten() for grad in grads if grad is not None]
    return float(torch.cat(read).mean()) if read else None
