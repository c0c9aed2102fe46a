"""The hooks that a plugin may implement. Each is called once, when the zoo is loaded.

A plugin is a module that an entry point of the group ``ganzoo`` names. A hook is a function in that
module, decorated with ``@ganzoo.hookimpl``.
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
    """Architectures: each builds the players' networks from spaces."""
    raise NotImplementedError


@hookspec
def ganzoo_losses() -> Iterable[type[Loss]]:
    """Losses: what each player minimizes."""
    raise NotImplementedError


@hookspec
def ganzoo_regularizers() -> Iterable[type[Regularizer]]:
    """Regularizers: terms that are added to a loss, and constraints on weights."""
    raise NotImplementedError


@hookspec
def ganzoo_samplers() -> Iterable[type[Sampler]]:
    """Samplers: each deals the steps of every player's turn."""
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
    """Datasets: columns of values with their spaces, split for training and for measuring."""
    raise NotImplementedError


@hookspec
def ganzoo_metrics() -> Iterable[type[Metric]]:
    """Metrics: each measures generated samples."""
    raise NotImplementedError


@hookspec
def ganzoo_observers() -> Iterable[type[Observer]]:
    """Observers: each is told about the progress of every run."""
    raise NotImplementedError


@hookspec
def ganzoo_models() -> Iterable[Model]:
    """Pretrained models outside the registry; ``ganzoo.plugins.registry.models_of`` reads them."""
    raise NotImplementedError


@hookspec
def ganzoo_commands(cli: typer.Typer) -> None:
    """Add commands to the command line, ``cli``, with typer."""
    raise NotImplementedError
