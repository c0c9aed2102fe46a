"""What the core itself offers, through the same hooks as any plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.builtin import labelled, losses, optimizers, regularizers, samplers
from ganzoo.builtin.datasets import (
    cifar,
    digits,
    faces,
    folder,
    given,
    idx,
    parquet,
    points,
    stacked,
    stl,
    svhn,
)
from ganzoo.builtin.metrics import (
    fidelity,
    frechet,
    histogram,
    kernel,
    memorization,
    modes,
    parzen,
    prdc,
)
from ganzoo.builtin.metrics.stacked import StackedModes
from ganzoo.builtin.observers import diverged, grid, health, log, progress, remarks
from ganzoo.parts.optimizer import Adam
from ganzoo.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from ganzoo.parts.dataset import Dataset
    from ganzoo.parts.metric import Metric
    from ganzoo.parts.observer import Observer
    from ganzoo.parts.optimizer import Optimizer
    from ganzoo.parts.part import Loss, Regularizer, Sampler


@hookimpl
def ganzoo_losses() -> list[type[Loss]]:
    """The four most used adversarial losses."""
    return [losses.Minimax, losses.NonSaturating, losses.LeastSquares, losses.Hinge]


@hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """Zero-centred gradient penalties."""
    return [regularizers.R1, regularizers.R2]


@hookimpl
def ganzoo_samplers() -> list[type[Sampler]]:
    """Latents from a normal or a uniform prior, and labels that both sides of a step share."""
    return [samplers.Gaussian, samplers.Uniform, labelled.Labelled]


@hookimpl
def ganzoo_optimizers() -> list[type[Optimizer]]:
    """The torch optimizers commonly used for GANs."""
    return [Adam, optimizers.AdamW, optimizers.Adamax, optimizers.RmsProp, optimizers.Sgd]


@hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    """Point sets, digits, MNISTs, published archives, images in folders, what Python gives."""
    return [
        points.Ring,
        points.Grid,
        points.Quadratic,
        digits.Digits,
        idx.Mnist,
        idx.FashionMnist,
        stacked.StackedMnist,
        cifar.Cifar10,
        cifar.Cifar100,
        stl.Stl10,
        svhn.Svhn,
        faces.Celeba,
        faces.Ffhq,
        folder.Folder,
        parquet.Parquet,
        given.Given,
    ]


@hookimpl
def ganzoo_metrics() -> list[type[Metric]]:
    """Mode counts; distances, precision, coverage, memorization; FID, KID and Inception score."""
    return [
        modes.Modes,
        StackedModes,
        frechet.Frechet,
        kernel.Kernel,
        prdc.Prdc,
        histogram.Histogram,
        memorization.Memorization,
        parzen.Parzen,
        fidelity.FrechetInceptionDistance,
        fidelity.KernelInceptionDistance,
        fidelity.InceptionScore,
    ]


@hookimpl
def ganzoo_observers() -> list[type[Observer]]:
    """The remarks, the checks of divergence and collapse, log, grids, progress."""
    return [
        remarks.Remarks,
        diverged.Diverged,
        health.Health,
        log.LogFile,
        grid.SampleGrid,
        progress.ProgressBar,
    ]
