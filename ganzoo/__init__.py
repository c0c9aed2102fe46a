"""ganzoo: GAN variants as plugins, trained, sampled and compared through one engine.

Names are imported on first use, so that ``import ganzoo`` loads neither torch nor any plugin.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ganzoo._version import __version__
from ganzoo.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from ganzoo.benchmark.compare import compare
    from ganzoo.benchmark.contest import bench, report
    from ganzoo.engine.composition import Composition, compose
    from ganzoo.engine.explain import explain
    from ganzoo.engine.game import Game
    from ganzoo.errors import ZooError
    from ganzoo.parts.dataset import Data, Dataset
    from ganzoo.parts.metric import Metric, Score
    from ganzoo.parts.observer import Observer
    from ganzoo.parts.optimizer import Optimizer
    from ganzoo.parts.part import Architecture, Loss, Regularizer, Sampler
    from ganzoo.parts.rows import ResidentRows, Rows
    from ganzoo.parts.space import Space
    from ganzoo.parts.streamed import StreamedRows
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.default import default_zoo
    from ganzoo.plugins.install import install
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.pretrained.export import export
    from ganzoo.pretrained.model import Pretrained
    from ganzoo.pretrained.neighbours import neighbours
    from ganzoo.pretrained.opening import load
    from ganzoo.pretrained.render import sample
    from ganzoo.pretrained.scores import evaluate
    from ganzoo.training.train import train

__all__ = [
    "Architecture",
    "Composition",
    "Data",
    "Dataset",
    "Game",
    "Loss",
    "Metric",
    "Observer",
    "Optimizer",
    "Pretrained",
    "Regularizer",
    "ResidentRows",
    "Rows",
    "Sampler",
    "Score",
    "Space",
    "StreamedRows",
    "Variant",
    "Zoo",
    "ZooError",
    "__version__",
    "bench",
    "compare",
    "compose",
    "default_zoo",
    "evaluate",
    "explain",
    "export",
    "hookimpl",
    "install",
    "load",
    "neighbours",
    "report",
    "sample",
    "train",
]

_HOMES = {
    "benchmark.compare": ("compare",),
    "benchmark.contest": ("bench", "report"),
    "engine.composition": ("Composition", "compose"),
    "engine.explain": ("explain",),
    "engine.game": ("Game",),
    "errors": ("ZooError",),
    "parts.dataset": ("Data", "Dataset"),
    "parts.metric": ("Metric", "Score"),
    "parts.observer": ("Observer",),
    "parts.optimizer": ("Optimizer",),
    "parts.part": ("Architecture", "Loss", "Regularizer", "Sampler"),
    "parts.rows": ("ResidentRows", "Rows"),
    "parts.space": ("Space",),
    "parts.streamed": ("StreamedRows",),
    "parts.variant": ("Variant",),
    "plugins.default": ("default_zoo",),
    "plugins.install": ("install",),
    "plugins.zoo": ("Zoo",),
    "pretrained.export": ("export",),
    "pretrained.model": ("Pretrained",),
    "pretrained.neighbours": ("neighbours",),
    "pretrained.opening": ("load",),
    "pretrained.render": ("sample",),
    "pretrained.scores": ("evaluate",),
    "training.train": ("train",),
}
"""Each module and its public names. No module may have the name of a function here: importing it
would put the module in the function's place."""


def __dir__() -> list[str]:
    """The public names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"ganzoo.{module}"), name)
    message = f"module 'ganzoo' has no attribute {name!r}"
    raise AttributeError(message)
