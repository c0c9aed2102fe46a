"""The watch for collapse: warnings while a run trains, and no stop, since they are heuristics."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ganzoo.builtin.observers.grid import drawable
from ganzoo.builtin.observers.signals import (
    SAMPLES,
    SPREAD,
    Judgement,
    Reference,
    judgement,
    likeness,
    missing,
)
from ganzoo.errors import SENTENCE, shortened
from ganzoo.parts.observer import Observer
from ganzoo.plugins.isolation import contained

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from ganzoo.errors import DivergedError
    from ganzoo.parts.protocols import RunView

FROM = 0.5
"""The share of the budget from which it speaks: before, healthy runs look much the same."""
ROUNDS = 200
"""The rounds from which it speaks: networks that have hardly trained look much the same, too."""
ALIKE = 0.05
"""The least distance of samples from each other, as a share of that of real rows."""
EXPLODED = 1e4
"""The largest median of scores. Logits are of ten or so, and the scores of a critic that is
1-Lipschitz differ no more than samples do."""
WON = 1e-3
"""The least derivative of the discriminator's loss by a score. Where it is less, the discriminator
has nothing to learn, and the generator nothing to learn from it."""
LISTED = 10
"""How many missing classes are named."""


class Health(Observer):
    """Warns of collapse: samples that are all alike, missing classes, scores that go astray.

    It looks at each save in the second half of the budget, from round 200 on, and warns of what it
    finds twice in a row, once until it is well again.
    """

    name = "health"

    def __init__(self, run: RunView) -> None:
        """Be ready to read a few real rows."""
        super().__init__(run)
        self.reference: Reference | None = None
        self.before: dict[str, str] = {}
        """What was found at the last save, by kind."""

    def saved(self, checkpoint: Path) -> None:  # noqa: ARG002
        """Look, and tell what is new on standard error; ``run.warnings`` has all that holds."""
        run = self.run
        game = run.game
        if game.progress < FROM or game.rounds < ROUNDS or not drawable(game.spaces):
            return
        # A composition that cannot be looked at in this way is no reason to end its run.
        found = contained(self.found).value or {}
        lasting = {kind: sentence for kind, sentence in found.items() if kind in self.before}
        for kind, sentence in lasting.items():
            if kind not in run.warnings:
                told = shortened(sentence, SENTENCE)  # it may quote names of classes
                sys.stderr.write(f"warning: round {game.rounds}: {told}\n")
        self.before = found
        run.warnings.clear()
        run.warnings.update(lasting)

    def rolled_back(self, error: DivergedError) -> None:  # noqa: ARG002
        """Forget what was found in rounds that are lost."""
        self.before = {}
        self.run.warnings.clear()

    def found(self) -> dict[str, str]:
        """A sentence for each kind of collapse that there is now."""
        game = self.run.game
        self.reference = self.reference or Reference.of(game.data)
        found: dict[str, str] = {}
        if game.plays("generate"):
            found |= of_samples(game.preview().sample(SAMPLES, seed=0), self.reference)
        judged = contained(judgement, game, self.reference).value
        return found | (of_scores(judged) if judged else {})


def of_samples(made: dict[str, Tensor], reference: Reference) -> dict[str, str]:
    """What is wrong with samples, by kind; ``made`` has what they were made from."""
    found: dict[str, str] = {}
    fake = made["fake"]
    given = next((name for name in reference.judges if name in made), None)
    labels = None if given is None else (made[given][:SPREAD], reference.columns[given][:SPREAD])
    alike = likeness(fake[:SPREAD], reference.real[:SPREAD], labels)
    if alike is not None and alike < ALIKE:
        of_one = "" if given is None else f" of one {given}"
        found["alike"] = (
            f"samples{of_one} are nearly all the same: they differ {alike:.1%} as much as real "
            "rows."
        )
    for name, judge in reference.judges.items():
        lost = missing(fake, judge, reference.shares[name])
        if lost:
            listed = ", ".join(lost[:LISTED]) + (", ..." if len(lost) > LISTED else "")
            found[f"missing {name}"] = (
                f"{len(lost)} of {len(judge.names)} classes of '{name}' "
                f"{'is' if len(lost) == 1 else 'are'} missing among {len(fake)} samples: {listed}."
            )
    return found


def of_scores(judged: Judgement) -> dict[str, str]:
    """What is wrong with a discriminator's scores, by kind."""
    found: dict[str, str] = {}
    if judged.size > EXPLODED:
        found["scores"] = (
            f"the discriminator's scores explode: half of them exceed {judged.size:.3g}."
        )
    if judged.separated == 1.0 and judged.slope is not None and judged.slope < WON:
        found["won"] = (
            "the discriminator has won: it tells every sample from every real row, and its loss "
            "is flat there, so that neither player learns from the other."
        )
    return found
