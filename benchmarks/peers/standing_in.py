"""Modules that peers import and no measurement calls, so that they need not be installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def stand_in_for_torchvision() -> None:
    """Let ``import torchvision`` succeed; whatever then uses it fails.

    There is no build of torchvision beside the pinned torch, and torchgan names it at the top of
    modules that it needs.
    """
    sys.modules.setdefault("torchvision", ModuleType("torchvision"))


def without_init(*packages: str) -> None:
    """Let modules of packages be imported without what their ``__init__`` imports."""
    for package in packages:
        if package in sys.modules:
            continue
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            message = f"{package} is not installed here."
            raise ModuleNotFoundError(message)
        bare = ModuleType(package)
        bare.__path__ = [str(Path(spec.origin).parent)]
        sys.modules[package] = bare
