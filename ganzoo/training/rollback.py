"""Rolling back: a run that diverged goes on from a checkpoint with other random numbers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ganzoo.engine import state
from ganzoo.errors import DivergedError
from ganzoo.training import checkpoint
from ganzoo.training.plan import Rollback

if TYPE_CHECKING:
    from ganzoo.training.saving import SavedGame

MOST = 3
"""Rollbacks in the life of a run: more would only hide that it does not train."""


def roll_back(run: SavedGame, error: DivergedError) -> None:
    """Take a run back to its newest checkpoint, with random numbers of its own from there on.

    If it was already taken back to that one, it goes to the one before: weights may be lost long
    before a term shows it. The checkpoint is written again with its new random numbers, and says
    so, so that a run that is killed and resumed goes the same way. Raises DivergedError, which says
    so, after three times.
    """
    before, diverged = run.plan.rollbacks, run.game.rounds
    if len(before) >= MOST:
        message = f"{error} The run was rolled back {MOST} times, which is the most."
        raise DivergedError(message) from error
    run.game.train.ahead(())  # the rows that are fetched would be those of the old order
    newest = run.last_checkpoint()
    again = before and newest == checkpoint.after(run.folder, before[-1].rounds)
    failed = newest if again and run.load_newest(before=newest) else None
    if failed is None and not run.load_newest():
        raise error
    checkpoint.set_aside(run.damaged)
    run.game.progress = run.progress  # its budget may be another than when it was saved
    rollbacks = (*before, Rollback(diverged=diverged, rounds=run.game.rounds))
    run.plan = run.plan.model_copy(update={"rollbacks": rollbacks})
    state.restart(run.game, len(rollbacks))
    run.write(checkpoint.after(run.folder, run.game.rounds))
    if failed:
        failed.unlink()  # only now: until then a resumed run must find it
    run.write_plan()
    run.crew.take_up(run.game)
    sys.stderr.write(
        f"warning: {error.what}; the run goes back to round {run.game.rounds}, and on with other "
        f"random numbers (rollback {len(rollbacks)} of {MOST}).\n"
    )
    run.observers.rolled_back(error)
