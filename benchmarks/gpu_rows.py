"""What ``gpu.py`` measures: each function is a row of one of its tables."""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from noise import images
from timing import Ratio, Round, alternate, clock_of
from torch import Tensor

import ganzoo
from ganzoo.engine.game import Game
from ganzoo.errors import ZooError

UNTIL_CAPTURED = 10
"""Rounds within which a graph is captured, if it can be."""
FOLLOWS = 0.2
"""How far the mean of a loss may be from that of fp32, in its standard deviations and means."""
PRECISIONS = ("fp32", "bf16")
SECONDS_AT_MOST = 20.0
"""What 10,000 rounds of dcgan may take."""
SCORES, ALIKE = 5, 0.15
"""Draws of samples that a Frechet distance is told of, and by how much two runs' may differ."""


@dataclass(frozen=True)
class Case:
    """A variant on images of a shape, and how many times faster a graph must be."""

    variant: str
    channels: int
    side: int
    goal: float | None = None

    @property
    def name(self) -> str:
        """Its name in the table."""
        return f"{self.variant}, {self.channels}x{self.side}x{self.side}"


CASES = (
    Case("vanilla", 1, 28, 4.5),
    Case("dcgan", 1, 28, 4.5),
    Case("conditional", 1, 28, 4.5),
    Case("infogan", 1, 28, 4.5),
    Case("wgan-gp", 1, 28, 3.2),
    Case("dcgan", 3, 64),
    Case("wgan-gp", 3, 64),
)


# ------------------------------------------------------------------------------------------ games


def game(case: Case, options: argparse.Namespace, *, precision: str = "fp32") -> Game:
    """A new game of a case, of seed 0."""
    settings = [f"precision={precision}", f"batch={options.batch}"]
    if case.variant != "vanilla":
        settings.append(f"architecture.width={options.width}")
    variant = ganzoo.default_zoo().compose(case.variant, settings=settings)
    return Game(variant, images(options.rows, case.channels, case.side), device=options.device)


def graphed(played: Game) -> Game:
    """The same game, whose rounds are graphs from now on; on a CPU, by the tests' stand-in."""
    if played.device.type == "cuda":
        played.use_graphs()
    else:
        from ganzoo.testing.recorded import Recorded  # only where there is no GPU

        played.use_graphs(Recorded())
    return played


def captured(played: Game) -> int:
    """Play rounds until one is captured; returns their number. Raises ValueError if none is."""
    for number in range(1, UNTIL_CAPTURED + 1):
        played.round()
        if played.graphs.captured:
            return number
    message = f"it is played eagerly: {played.graphs.reason}"
    raise ValueError(message)


@contextmanager
def deterministic() -> Iterator[None]:
    """Inside, every operation on a GPU gives the same bits each time."""
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def cleared(device: str) -> int:
    """Give back what no game uses any more; returns the bytes that are still reserved."""
    gc.collect()
    if torch.device(device).type != "cuda":
        return 0
    torch.cuda.empty_cache()
    return torch.cuda.memory_reserved(device)


# ----------------------------------------------------------------------------------------- checks


def same_bits(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """Whether networks, moments and average of a graph's rounds are those of eager."""
    with deterministic():
        eager, graph = game(case, options), graphed(game(case, options))
        rounds = captured(graph) + options.checked
        for _ in range(options.checked):
            graph.round()
        for _ in range(rounds):
            eager.round()
        one, other = eager.state()[0], graph.state()[0]
    differences = {name: difference(tensor, other[name]) for name, tensor in one.items()}
    worst = max(differences, key=differences.__getitem__)
    facts = {"tensors": len(differences), "rounds": rounds, "replayed": options.checked}
    return {**facts, "largest difference": differences[worst], "met": not differences[worst]}


def difference(one: Tensor, other: Tensor) -> float:
    """The largest difference of two tensors, wherever they are."""
    gap = one.detach().cpu().double() - other.detach().cpu().double()
    return float(gap.abs().max()) if gap.numel() else 0.0


def follows(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """How far the losses of bf16 are from those of fp32, as means over the same rounds."""
    curves = {
        precision: losses(game(case, options, precision=precision), options.checked)
        for precision in ("fp32", "bf16")
    }
    worst = 0.0
    for name, fp32 in curves["fp32"].items():
        scale = statistics.pstdev(fp32) + abs(statistics.fmean(fp32))
        apart = abs(statistics.fmean(curves["bf16"][name]) - statistics.fmean(fp32))
        worst = max(worst, apart / max(scale, 1e-6))
    return {"rounds": options.checked, "apart": worst, "met": worst <= FOLLOWS}


def losses(played: Game, rounds: int) -> dict[str, list[float]]:
    """Every term of both players, round by round."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for player, terms in played.round().items():
            for name, term in terms.items():
                found.setdefault(f"{player} {name}", []).append(float(term))
    return found


# ----------------------------------------------------------------------------------------- speed


def speeds(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """Rounds a second, eager and as a graph, in fp32 and bf16; what a capture takes."""
    clock, found = clock_of(options.device), {}
    contenders: dict[str, Round] = {
        f"eager {precision}": game(case, options, precision=precision).round
        for precision in PRECISIONS
    }
    before = cleared(options.device)
    for precision in PRECISIONS:
        made = graphed(game(case, options, precision=precision))
        start = clock()
        captured(made)
        found[f"until captured {precision}, s"] = clock() - start
        contenders[f"graph {precision}"] = made.round
    found["reserved by graphs, MiB"] = (cleared(options.device) - before) / 2**20
    times = alternate(contenders, rounds=options.turn, seconds=options.seconds, clock=clock)
    row: dict[str, Any] = {
        f"{name}, rounds/s": 1 / statistics.median(took) for name, took in times.items()
    }
    ratio = Ratio.of(times["eager fp32"], times["graph fp32"])
    row["times eager"] = ratio
    if case.goal is not None and not options.quick:
        row |= {"goal": case.goal, "met": ratio.middle >= case.goal}
    return {**row, **found}


def trained(options: argparse.Namespace, *, graph: bool) -> dict[str, Any]:
    """The seconds of a whole run of dcgan, and its Frechet distance as draws of samples vary it."""
    on_gpu = torch.device(options.device).type == "cuda"  # only there a run has graphs
    more: dict[str, Any] = {"graph": graph} if on_gpu else {}
    data, told = to_train_on(options.data)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run = ganzoo.train(
            "dcgan",
            data=data,
            rounds=options.rounds_trained,
            device=options.device,
            out=Path(folder) / "run",
            **more,
        )
        seconds = time.perf_counter() - start
        given = None if isinstance(data, str) else data
        scores = [
            ganzoo.evaluate(run, data=given, metrics=["frechet"], seed=seed, n=options.samples)
            for seed in range(SCORES)
        ]
    values = [score.value for each in scores for score in each]
    row = {"data": told, "rounds": options.rounds_trained, "seconds": seconds}
    row |= {"frechet": statistics.fmean(values), "from": min(values), "to": max(values)}
    if graph and not options.quick:
        row |= {"goal": SECONDS_AT_MOST, "met": seconds <= SECONDS_AT_MOST}
    return row


def alike(graph: dict[str, Any], eager: dict[str, Any]) -> dict[str, Any]:
    """Whether a run of graphs is as good as an eager one, as far as two eager ones are alike."""
    apart = abs(graph["frechet"] / eager["frechet"] - 1)
    ratio = graph["seconds"] / eager["seconds"]
    return {"seconds of graph / eager": ratio, "apart": apart, "met": apart <= ALIKE}


METRICS = Path(__file__).with_name("metrics_device.py")
"""Compares features and metrics of a GPU with the CPU's, where it lies beside this file."""


def metrics(options: argparse.Namespace) -> dict[str, Any]:
    """Features and metrics: how far the worst is from the CPU's, and the seconds of all."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "metrics.json"
        words = ["--device", options.device, "--data", options.data, "--out", str(out)]
        words += ["--rows", str(options.scored)]
        done = subprocess.run(
            [sys.executable, str(METRICS), *words], capture_output=True, text=True, check=False
        )
        if not out.exists():
            message = done.stderr.strip().splitlines()[-1]
            raise RuntimeError(message)
        found = json.loads(out.read_text())["found"]
    worst = max(found, key=lambda row: row["off"] / row["most"])
    row = {"rows": options.scored, "worst": worst["what"], "off by": worst["off"]}
    row |= {"at most": worst["most"], "met": done.returncode == 0}
    return row | {f"{where}, s": sum(r[where] for r in found) for where in ("cpu", "device")}


def to_train_on(name: str) -> tuple[object, str]:
    """A dataset, and its name; where it is not here, the wheel's digits as 28 x 28 pixels."""
    zoo = ganzoo.default_zoo()
    try:
        zoo.dataset(name).load()
    except ZooError:
        small = zoo.dataset("digits").load().train.column("real")
        large = torch.nn.functional.interpolate(small, (28, 28), mode="bilinear")
        pixels = large.add(1).mul(127.5).round().to(torch.uint8)
        return pixels, f"digits of 28 x 28, for want of {name}"
    return name, name
