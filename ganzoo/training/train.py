"""Training: one call for ``ganzoo train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from ganzoo.engine.composition import Choices, Composition, compose
from ganzoo.training.plan import plan_run
from ganzoo.training.run import Run

if TYPE_CHECKING:
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo


def train(
    variant: str | Variant | Composition,
    *,
    rounds: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    device: str = "auto",
    resume: bool = False,
    save_every: int | None = None,
    zoo: Zoo | None = None,
    **choices: Unpack[Choices],
) -> Run:
    """Train a variant for some rounds (1000 by default); ``ganzoo train`` in Python.

    ``choices`` replace its data, parts and options, as in ``compose``: ``data`` (a dataset's name,
    or a tensor, an array, a dict of columns or a torch Dataset), ``architecture``, ``loss``,
    ``regularizers``, ``sampler``, ``optimizer`` and ``settings``. The run is kept in the folder
    ``out``, by default ``runs/VARIANT-DATASET-SEED``; with ``resume``, the run that is there
    continues. Raises ZooError with one sentence for anything that the caller can fix.
    """
    composition = compose(variant, zoo=zoo, **choices)
    plan = plan_run(composition, seed=seed, rounds=rounds, device=device, save_every=save_every)
    folder = Path(out or f"runs/{composition.variant.name}-{composition.dataset.name}-{seed}")
    run = (Run.resume if resume else Run.create)(folder, plan, composition)
    run.train(composition.zoo.observers())
    return run
