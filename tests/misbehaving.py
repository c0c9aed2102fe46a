"""Plugins that misbehave, to test that nothing else suffers."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import ganzoo
from ganzoo.plugins.loading import Origin
from ganzoo.plugins.registry import PLURALS
from ganzoo.plugins.zoo import Zoo

if TYPE_CHECKING:
    from collections.abc import Callable

BAD = Origin("bad", "ganzoo-bad", "0.1")


class Clock:
    """In place of the module ``time``: only ``sleep`` takes time, and none of the test's."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


CLOCK = Clock()


class Odd(BaseException):
    """Of no family that is usually caught, and even its text raises."""

    def __str__(self) -> str:
        raise self


def exits(*_: Any) -> Any:
    sys.exit(3)


def zoo_of(hook: str, function: Callable[..., Any], *others: tuple[Origin, ModuleType]) -> Zoo:
    """A zoo of the core, one plugin with one hook, and others."""
    module = ModuleType("ganzoo_bad")
    function.__name__ = hook
    setattr(module, hook, ganzoo.hookimpl(function))
    return Zoo([(BAD, module), *others])


def offered(kind: str, *things: Any, beside: tuple[tuple[Origin, ModuleType], ...] = ()) -> Zoo:
    """A zoo in which the plugin offers some things of one kind."""
    return zoo_of(f"ganzoo_{PLURALS[kind]}", lambda: list(things), *beside)
