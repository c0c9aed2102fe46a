"""Fréchet, kernel and nearest-neighbour metrics against other libraries, on the same features.

    pip install prdc scipy scikit-learn torchmetrics==1.9.0 lightning-utilities
    pip install --no-deps torch-fidelity==0.4.0 torchvision==0.28.0
    python benchmarks/metrics_peers.py [--runs 3] [--out peers.json]

The libraries run in turns on the same float64 features, in the form that each expects. A value's
difference is relative to ganzoo's. Times are medians of processor seconds with one thread, so that
other load on the machine matters little.

Equal terms: torchmetrics and torch-fidelity average KID over random subsets that each draws in its
own way. So values are compared on a single subset of all rows, and times on 20 subsets. All three
estimates are unbiased. torch-fidelity's balls are closed and default to 3 neighbours, while prdc's
and ours are open: it gets 5 neighbours, and features in which no two distances are equal. It has no
density or coverage; torchmetrics has none of the four.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from scipy.linalg import sqrtm
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from ganzoo.builtin.metrics.frechet import frechet_distance
from ganzoo.builtin.metrics.kernel import kernel_distance, subset_distance
from ganzoo.builtin.metrics.prdc import prdc

Values: TypeAlias = dict[str, float]
Run: TypeAlias = Callable[[Tensor, Tensor], Values]

GOAL = 1e-6
SECONDS = 12.0
"""What a Fréchet distance of 10,000 rows of 2,048 features may take."""
NEIGHBOURS, SUBSETS = 5, 20


def features(rows: int, dims: int) -> tuple[Tensor, Tensor]:
    """Two correlated sets of features that are never negative, as an extractor's are."""
    stream = torch.Generator().manual_seed(0)
    mixing = torch.randn(dims, dims, generator=stream, dtype=torch.float64) / dims**0.5
    one, other = (
        torch.randn(rows, dims, generator=stream, dtype=torch.float64) @ mixing for _ in range(2)
    )
    return (one + 0.3).relu(), (0.9 * other + 0.4).relu()


class Identity(nn.Module):
    """What torchmetrics takes for an extractor: features are their own."""

    def __init__(self, width: int) -> None:
        """Say how many features there are; it would otherwise show it an image."""
        super().__init__()
        self.num_features = width

    def forward(self, features: Tensor) -> Tensor:
        """Return what it is given."""
        return features


# ------------------------------------------------------------------------------------ each library


def scipy_frechet(a: Tensor, b: Tensor) -> Values:
    """The published formula, with the matrix root."""
    x, y = a.numpy(), b.numpy()
    one, other = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = sqrtm(one @ other).real
    shift = np.square(x.mean(0) - y.mean(0)).sum()
    return {"frechet": float(shift + np.trace(one + other - 2 * root))}


def gram_frechet(a: Tensor, b: Tensor) -> Values:
    """By the eigenvalues of A B'B A', where rows are few: another way to all digits but a few."""
    x, y = a.numpy(), b.numpy()
    one, other = ((z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in (x, y))
    shared = one @ other.T
    roots = np.sqrt(np.linalg.eigvalsh(shared @ shared.T).clip(min=0)).sum()
    shift = np.square(x.mean(0) - y.mean(0)).sum()
    return {"frechet": float(shift + np.square(one).sum() + np.square(other).sum() - 2 * roots)}


def torchmetrics_run(metric: Any, a: Tensor, b: Tensor) -> Any:
    """Its value, computed in float64."""
    metric.set_dtype(torch.float64)
    metric.update(a, real=True)
    metric.update(b, real=False)
    return metric.compute()


def torchmetrics_frechet(a: Tensor, b: Tensor) -> Values:
    """By the eigenvalues of the product of the covariances."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=Identity(a.shape[1]))
    return {"frechet": float(torchmetrics_run(metric, a, b))}


def torchmetrics_kernel(subsets: int, size: int, a: Tensor, b: Tensor) -> Values:
    """KID over random subsets."""
    from torchmetrics.image.kid import KernelInceptionDistance

    metric = KernelInceptionDistance(
        feature=Identity(a.shape[1]), subsets=subsets, subset_size=size
    )
    return {"kernel": float(torchmetrics_run(metric, a, b)[0])}


def fidelity_frechet(a: Tensor, b: Tensor) -> Values:
    """By the eigenvalues of the product of numpy's covariances."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    statistics_of = [fid_features_to_statistics(x) for x in (a, b)]
    found = fid_statistics_to_metric(*statistics_of, verbose=False)
    return {"frechet": float(found["frechet_inception_distance"])}


def fidelity_kernel(subsets: int, size: int, a: Tensor, b: Tensor) -> Values:
    """KID over random subsets."""
    from torch_fidelity.metric_kid import kid_features_to_metric

    found = kid_features_to_metric(a, b, kid_subsets=subsets, kid_subset_size=size, verbose=False)
    return {"kernel": float(found["kernel_inception_distance_mean"])}


def fidelity_neighbours(a: Tensor, b: Tensor) -> Values:
    """Precision and recall; its first features are the samples'."""
    from torch_fidelity.metric_prc import prc_features_to_metric

    found = prc_features_to_metric(b, a, prc_neighborhood=NEIGHBOURS, verbose=False)
    return {name: found[name] for name in ("precision", "recall")}


def authors_neighbours(a: Tensor, b: Tensor) -> Values:
    """The four numbers by their authors' package."""
    from prdc import compute_prdc

    with redirect_stdout(StringIO()):  # it prints the counts
        found: Values = compute_prdc(a.numpy(), b.numpy(), nearest_k=NEIGHBOURS)
    return found


# -------------------------------------------------------------------------------------- comparing


def contests(rows: int, dims: int) -> dict[str, dict[str, Run]]:
    """Who runs what, on so many rows of so many features; ganzoo comes first."""
    size = min(1000, rows)
    frechet: dict[str, Run] = {
        "ganzoo": lambda a, b: {"frechet": frechet_distance(a, b)},
        "torchmetrics": torchmetrics_frechet,
        "torch-fidelity": fidelity_frechet,
        "scipy": scipy_frechet,
    }
    if rows <= dims:
        frechet["numpy, rank-deficient"] = gram_frechet
    return {
        f"Fréchet, {rows} x {dims}": frechet,
        f"kernel, all rows once, {rows} x {dims}": {
            "ganzoo": lambda a, b: {"kernel": kernel_distance(a, b)},
            "torchmetrics": lambda a, b: torchmetrics_kernel(1, rows, a, b),
            "torch-fidelity": lambda a, b: fidelity_kernel(1, rows, a, b),
        },
        f"kernel, {SUBSETS} subsets of {size}, {rows} x {dims}": {
            "ganzoo": lambda a, b: {"kernel": subset_distance(a, b, SUBSETS, size, seed=0)},
            "torchmetrics": lambda a, b: torchmetrics_kernel(SUBSETS, size, a, b),
            "torch-fidelity": lambda a, b: fidelity_kernel(SUBSETS, size, a, b),
        },
        f"neighbours, {rows} x {dims}": {
            "ganzoo": lambda a, b: prdc(a, b, NEIGHBOURS),
            "prdc": authors_neighbours,
            "torch-fidelity": fidelity_neighbours,
        },
    }


def compared(title: str, runs: dict[str, Run], turns: int, a: Tensor, b: Tensor) -> list[Any]:
    """A row for each library and each of its numbers."""
    values: dict[str, Values] = {}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(turns):
        for name, run in runs.items():
            start = time.process_time()
            values[name] = run(a, b)
            seconds[name].append(time.process_time() - start)
    ours = values["ganzoo"]
    return [
        {
            "contest": title,
            "library": library,
            "number": number,
            "value": value,
            "difference": abs(value - ours[number]) / abs(ours[number]),
            "seconds": statistics.median(seconds[library]),
        }
        for library, found in values.items()
        for number, value in found.items()
    ]


def told(row: dict[str, Any]) -> str:
    """One row of the table."""
    return (
        f"{row['contest']:40} {row['library']:22} {row['number']:10} {row['value']:<18.12g} "
        f"{row['difference']:.1e}  {row['seconds']:.3f} s"
    )


def main() -> None:
    """Print a table; say what is over the goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    # torchvision has no build for torch's CPU one; all that is needed of it is that it imports.
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for op in ("nms", "qnms"):
        signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(op + signature)  # type: ignore[no-untyped-call]
    rows: list[dict[str, Any]] = []
    with threadpool_limits(1):
        for shape in ((5000, 192), (500, 2048)):
            a, b = features(*shape)
            for title, runs in contests(*shape).items():
                found = compared(title, runs, options.runs, a, b)
                rows += found
                print(*map(told, found), sep="\n", flush=True)
        a, b = features(10_000, 2048)
        big = contests(10_000, 2048)["Fréchet, 10000 x 2048"]
        del big["scipy"]  # half a minute, for the same number as the others
        rows += compared("Fréchet, 10000 x 2048", big, options.runs, a, b)
        print(*map(told, rows[-len(big) :]), sep="\n")
    last = next(r for r in rows if r["contest"] == "Fréchet, 10000 x 2048")
    fair = [row for row in rows if "subsets" not in row["contest"]]
    print(f"largest difference on equal terms: {max(row['difference'] for row in fair):.1e}")
    print(f"10,000 x 2,048 takes {last['seconds']:.1f} s; the goal is under {SECONDS:.0f} s")
    if options.out:
        options.out.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
