"""ganzoo: GAN variants as plugins, trained, loaded and compared through one engine.

Names are imported on first use, so that ``import ganzoo`` loads neither torch nor any plugin.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ganzoo.hookspecs import hookimpl

if TYPE_CHECKING:
    from ganzoo.game import Game as Game
    from ganzoo.parts import (
        Architecture as Architecture,
    )
    from ganzoo.parts import (
        Loss as Loss,
    )
    from ganzoo.parts import (
        Regularizer as Regularizer,
    )
    from ganzoo.parts import (
        Sampler as Sampler,
    )
    from ganzoo.parts import (
        Space as Space,
    )
    from ganzoo.variant import Variant as Variant
    from ganzoo.zoo import Zoo as Zoo
    from ganzoo.zoo import default_zoo as default_zoo

__version__ = "0.1.0"

_HOMES = {
    "Architecture": "parts",
    "Loss": "parts",
    "Regularizer": "parts",
    "Sampler": "parts",
    "Space": "parts",
    "Variant": "variant",
    "Dataset": "data",
    "Data": "data",
    "Rows": "data",
    "Metric": "metric",
    "Score": "metric",
    "Observer": "observers",
    "Game": "game",
    "Zoo": "zoo",
    "default_zoo": "zoo",
    "ZooError": "errors",
    "train": "train",
    "sample": "train",
    "evaluate": "train",
    "bench": "bench.measure",
    "explain": "explain",
    "install": "registry",
}
"""Each public name and the module it lives in."""

__all__ = ["__version__", "hookimpl"]
__all__ += list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name not in _HOMES:
        message = f"module 'ganzoo' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"ganzoo.{_HOMES[name]}"), name)
