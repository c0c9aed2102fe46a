"""What every family must go through: trained, resumed bit for bit, exported, loaded, sampled."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import torch

import ganzoo
from ganzoo.plugins.loading import Origin
from ganzoo.plugins.zoo import Zoo

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.training.run import Run

ROUNDS = 4


def zoo_of(module: str) -> Zoo:
    """Core, and the plugin that a test module is."""
    zoo = Zoo([(Origin("family", "ganzoo-family", "1.0"), sys.modules[module])])
    assert not zoo.broken, zoo.broken
    return zoo


def lived(zoo: Zoo, variant: str, folder: Path, **choices: Any) -> Run:
    """A run of a variant that has gone through all of it, against the same run uninterrupted."""
    whole = ganzoo.train(
        variant, zoo=zoo, rounds=ROUNDS, save_every=2, seed=1, out=folder / "whole", **choices
    )
    for terms in whole.game.log.values():
        assert all(bool(torch.isfinite(term)) for term in terms.values())
    resumes_bit_for_bit(whole, zoo, folder, variant, **choices)
    loads_as_it_was(whole, zoo, folder)
    return whole


def resumes_bit_for_bit(whole: Run, zoo: Zoo, folder: Path, variant: str, **choices: Any) -> None:
    first, last = whole.checkpoints()
    shutil.copytree(whole.folder, folder / "resumed")
    (folder / "resumed" / "checkpoints" / last.name).unlink()
    resumed = ganzoo.train(
        variant,
        zoo=zoo,
        rounds=ROUNDS,
        save_every=2,
        seed=1,
        out=folder / "resumed",
        resume=True,
        **choices,
    )
    assert resumed.game.rounds == ROUNDS
    assert first.exists()
    (mine, facts), (its, other_facts) = whole.game.state(), resumed.game.state()
    assert facts == other_facts
    assert mine.keys() == its.keys()
    for name, tensor in mine.items():
        assert torch.equal(tensor, its[name]), name


def loads_as_it_was(run: Run, zoo: Zoo, folder: Path) -> None:
    """Every network's file holds the network; the generator's samples are the run's own."""
    ganzoo.export(run, folder / "weights", zoo=zoo)
    model = ganzoo.load(f"dir:{folder / 'weights'}", zoo=zoo)
    frozen = run.game.frozen()
    mine = frozen.net.state_dict()
    for name, tensor in model.generator.state_dict().items():
        assert torch.equal(tensor, mine[name]), name
    drawn = run.game.sample(3, seed=2)
    given = {name: drawn[name] for name in frozen.conditions()}
    again = model.values(3, seed=2, given=given)
    for name, value in again.items():
        torch.testing.assert_close(value, drawn[name], msg=name)
