"""The hooks a plugin may implement; all cold, called once when the zoo is loaded.

A plugin is a module named by an entry point of the group ``ganzoo``; a hook is a function in it
decorated with ``@ganzoo.hookimpl``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    import typer

    from ganzoo.parts.dataset import Dataset
    from ganzoo.parts.metric import Metric
    from ganzoo.parts.observer import Observer
    from ganzoo.parts.optimizer import Optimizer
    from ganzoo.parts.part import Architecture, Loss, Regularizer, Sampler
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.registry import Model

PROJECT = "ganzoo"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def ganzoo_architectures() -> Iterable[type[Architecture]]:
    """Architectures: they build the two networks from spaces."""
    raise NotImplementedError


@hookspec
def ganzoo_losses() -> Iterable[type[Loss]]:
    """Losses: what each player minimizes."""
    raise NotImplementedError


@hookspec
def ganzoo_regularizers() -> Iterable[type[Regularizer]]:
    """Regularizers: further terms and constraints."""
    raise NotImplementedError


@hookspec
def ganzoo_samplers() -> Iterable[type[Sampler]]:
    """Samplers: they deal the steps of each turn."""
    raise NotImplementedError


@hookspec
def ganzoo_optimizers() -> Iterable[type[Optimizer]]:
    """Optimizers: how a player's parameters follow their gradient."""
    raise NotImplementedError


@hookspec
def ganzoo_variants() -> Iterable[Variant]:
    """Variants: named compositions of the parts above."""
    raise NotImplementedError


@hookspec
def ganzoo_datasets() -> Iterable[type[Dataset]]:
    """Datasets: columns with spaces, in two splits."""
    raise NotImplementedError


@hookspec
def ganzoo_metrics() -> Iterable[type[Metric]]:
    """Metrics: what is measured of generated samples."""
    raise NotImplementedError


@hookspec
def ganzoo_observers() -> Iterable[type[Observer]]:
    """Observers: they watch every run."""
    raise NotImplementedError


@hookspec
def ganzoo_models() -> Iterable[Model]:
    """Pretrained models outside the registry, as ``ganzoo.registry.models_of`` reads them."""
    raise NotImplementedError


@hookspec
def ganzoo_commands(cli: typer.Typer) -> None:
    """Commands, added to the command line by the plugin itself."""
    raise NotImplementedError
