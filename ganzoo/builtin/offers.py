"""What core itself brings, through its own hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.builtin import losses, optimizers, regularizers, samplers
from ganzoo.builtin.datasets import digits, folder, idx, points
from ganzoo.builtin.metrics import fidelity, frechet, histogram, kernel, modes, parzen, prdc
from ganzoo.builtin.observers import diverged, grid, log, progress
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
    """The four usual adversarial losses."""
    return [losses.Minimax, losses.NonSaturating, losses.LeastSquares, losses.Hinge]


@hookimpl
def ganzoo_regularizers() -> list[type[Regularizer]]:
    """Zero-centred gradient penalties."""
    return [regularizers.R1, regularizers.R2]


@hookimpl
def ganzoo_samplers() -> list[type[Sampler]]:
    """The two usual priors."""
    return [samplers.Gaussian, samplers.Uniform]


@hookimpl
def ganzoo_optimizers() -> list[type[Optimizer]]:
    """Those of torch that GANs are trained with."""
    return [Adam, optimizers.AdamW, optimizers.Adamax, optimizers.RmsProp, optimizers.Sgd]


@hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    """Point sets, digits, the two MNISTs, and any folder of images."""
    return [
        points.Ring,
        points.Grid,
        points.Quadratic,
        digits.Digits,
        idx.Mnist,
        idx.FashionMnist,
        folder.Folder,
    ]


@hookimpl
def ganzoo_metrics() -> list[type[Metric]]:
    """Mode counts for point sets; distances, precision and coverage for images; the canonical."""
    return [
        modes.Modes,
        frechet.Frechet,
        kernel.Kernel,
        prdc.Prdc,
        histogram.Histogram,
        parzen.Parzen,
        fidelity.FrechetInceptionDistance,
        fidelity.KernelInceptionDistance,
        fidelity.InceptionScore,
    ]


@hookimpl
def ganzoo_observers() -> list[type[Observer]]:
    """Progress bar, log, sample grids, and the watch for values that are not finite."""
    return [diverged.Diverged, log.LogFile, grid.SampleGrid, progress.ProgressBar]
