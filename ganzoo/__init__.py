"""ganzoo: GAN variants as plugins, trained, sampled and compared through one engine.

Names are imported on first use, so that ``import ganzoo`` loads neither torch nor any plugin.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ganzoo.hookspecs import hookimpl

if TYPE_CHECKING:
    from ganzoo.calls import evaluate, export, sample, train
    from ganzoo.contest.calls import bench, report
    from ganzoo.contest.joined import compare
    from ganzoo.data import Data, Dataset, Rows
    from ganzoo.errors import ZooError
    from ganzoo.game import Game
    from ganzoo.metric import Metric, Score
    from ganzoo.observers import Observer
    from ganzoo.parts import Architecture, Loss, Regularizer, Sampler, Space
    from ganzoo.pretrained import Pretrained, load
    from ganzoo.registry import install
    from ganzoo.variant import Variant
    from ganzoo.wiring import explain
    from ganzoo.zoo import Zoo, default_zoo

__version__ = "0.1.0"

__all__ = [
    "Architecture",
    "Data",
    "Dataset",
    "Game",
    "Loss",
    "Metric",
    "Observer",
    "Pretrained",
    "Regularizer",
    "Rows",
    "Sampler",
    "Score",
    "Space",
    "Variant",
    "Zoo",
    "ZooError",
    "__version__",
    "bench",
    "compare",
    "default_zoo",
    "evaluate",
    "explain",
    "export",
    "hookimpl",
    "install",
    "load",
    "report",
    "sample",
    "train",
]

_HOMES = {
    "calls": ("evaluate", "export", "sample", "train"),
    "contest.calls": ("bench", "report"),
    "contest.joined": ("compare",),
    "data": ("Data", "Dataset", "Rows"),
    "errors": ("ZooError",),
    "game": ("Game",),
    "metric": ("Metric", "Score"),
    "observers": ("Observer",),
    "parts": ("Architecture", "Loss", "Regularizer", "Sampler", "Space"),
    "pretrained": ("Pretrained", "load"),
    "registry": ("install",),
    "variant": ("Variant",),
    "wiring": ("explain",),
    "zoo": ("Zoo", "default_zoo"),
}
"""Each module and its public names. No module may have the name of a function here: importing it
would put the module in the function's place."""


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"ganzoo.{module}"), name)
    message = f"module 'ganzoo' has no attribute {name!r}"
    raise AttributeError(message)
