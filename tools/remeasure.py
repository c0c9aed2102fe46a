"""Measure published models' scores anew, with the same weights: ``python tools/remeasure.py NAME``.

For a maintainer, when the way of sampling or scoring changes. Writes the values into registry.yaml
of this checkout; an interval stays, since it says where retraining ends. Exits with 1, and writes
nothing of that model, if a value lies outside its interval.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ganzoo.plugins.registry import Figure, registry
from ganzoo.pretrained.registration import register
from ganzoo.pretrained.scores import evaluate
from ganzoo.pretrained.sources import model_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.parts.metric import Score
    from ganzoo.plugins.zoo import Zoo


def remeasured(figures: Sequence[Figure], scores: Sequence[Score]) -> tuple[Figure, ...]:
    """The figures with the values that these scores have by the same protocol.

    Raises ValueError, in words, for a score that is missing or lies outside its interval.
    """
    found = {(score.metric, score.protocol()): score.value for score in scores}
    again = []
    for figure in figures:
        value = found.get((figure.metric, figure.protocol))
        if value is None or not figure.low <= value <= figure.high:
            message = f"{figure.metric} is {value}, not {figure.low:g} to {figure.high:g}"
            raise ValueError(message)
        again.append(figure.model_copy(update={"value": float(f"{value:.4g}")}))
    return tuple(again)


def main(names: Sequence[str], zoo: Zoo) -> int:
    """Measure models by name, or all of them; returns how many could not be written."""
    failed = 0
    for name in names or sorted(registry().weights):
        model = model_named(name, zoo)
        try:
            figures = remeasured(model.figures, evaluate(name, zoo=zoo))
        except ValueError as error:
            failed += 1
            print(f"{name}: {error}", file=sys.stderr)
            continue
        register(model.model_copy(update={"figures": figures}))
        for old, new in zip(model.figures, figures, strict=True):
            print(f"{name}: {new.metric} {old.value:g} -> {new.value:g}")
    return failed


if __name__ == "__main__":
    from ganzoo.plugins.default import default_zoo

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="VARIANT/DATASET; by default every model")
    sys.exit(bool(main(parser.parse_args().names, default_zoo())))
