"""Our Inception network of 2015 against torch-fidelity's, layer by layer, on random weights.

    pip install --no-deps torch-fidelity==0.4.0 torchvision==0.28.0
    python benchmarks/inception_oracle.py [--write tests/inception.json]

For each layer and value it prints the largest difference, relative to the largest number there, and
exits with 1 if one exceeds 1e-5. Both networks get the same random state, drawn so that activations
keep their size through 48 layers. ``--write`` keeps a few of torch-fidelity's numbers for the
tests, which therefore need neither package. torchvision has no build for the CPU build of torch,
but torch-fidelity only needs to import it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from ganzoo.builtin.metrics.fidelity import Inception, inception_score, quantized
from ganzoo.builtin.metrics.frechet import frechet_distance
from ganzoo.builtin.metrics.inception import STAGES, Inception2015, resized
from ganzoo.builtin.metrics.kernel import kernel_distance

if TYPE_CHECKING:
    from collections.abc import Mapping

GOAL = 1e-5
SHAPES = ((1, 3, 32, 32), (1, 3, 310, 333), (1, 3, 299, 299))
KEPT = 8
"""Numbers of each value that are written."""


def random_state(names: Mapping[str, Tensor], seed: int = 0) -> dict[str, Tensor]:
    """Weights for a network by its state's names: the same ones whatever the order."""
    stream = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in sorted(names.items()):
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros_like(tensor)
        elif tensor.dim() > 1:
            spread = (2 / tensor[0].numel()) ** 0.5
            state[name] = torch.randn(tensor.shape, generator=stream) * spread
        elif name.endswith(("bn.weight", "running_var")):
            state[name] = torch.rand(tensor.shape, generator=stream) + 0.5
        else:
            state[name] = torch.randn(tensor.shape, generator=stream) / 10
    return state


def images(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Random uint8 images, (N, 3, H, W)."""
    stream = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=stream, dtype=torch.uint8)


def peer(state: dict[str, Tensor]) -> Any:
    """torch-fidelity's network with these weights, which it would read by unpickling a file."""
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for op in ("nms", "qnms"):
        signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(op + signature)  # type: ignore[no-untyped-call]
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    values = [*STAGES, "logits_unbiased", "logits"]
    with patch("torch.load", lambda *_, **__: state):
        return FeatureExtractorInceptionV3("ours", values, feature_extractor_weights_path="state")


def outputs(net: torch.nn.Module, images: Tensor) -> tuple[dict[str, Tensor], Any]:
    """What every module of a network makes of images, by its name, and what the network does."""
    seen: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(
            lambda _module, _inputs, output, name=name: seen.setdefault(name, output.clone())
        )
        for name, module in net.named_modules()
        if name and not name.endswith((".conv", ".bn"))
    ]
    with torch.no_grad():
        result = net(images)
    for hook in hooks:
        hook.remove()
    return seen, result


def apart(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, over the largest number."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


def layers(state: dict[str, Tensor], theirs: Any) -> dict[str, float]:
    """How far apart every layer and value of the two networks is, the worst over ``SHAPES``."""
    from torch_fidelity.interpolate_compat_tensorflow import (
        interpolate_bilinear_2d_like_tensorflow1x,
    )

    ours = Inception2015().eval()
    ours.load_state_dict(state)
    quick = Inception2015().eval()
    quick.load_state_dict(state)
    extractor = Inception(quick, "")
    worst: dict[str, float] = {}

    def note(name: str, one: Tensor, other: Tensor) -> None:
        worst[name] = max(worst.get(name, 0.0), apart(one, other))

    for shape in SHAPES:
        shown = images(shape)
        expected = interpolate_bilinear_2d_like_tensorflow1x(
            shown.float(), size=(299, 299), align_corners=False
        )
        note("resize", resized(shown.float(), 299), expected)
        mine, values = outputs(ours, shown)
        its, its_values = outputs(theirs, shown)
        assert its.keys() - mine.keys() <= {"fc", "AvgPool"}
        for name in mine:
            if name in its:  # the pools within blocks are no modules there
                note(name, mine[name], its[name])
        for name, value in zip(values, its_values, strict=True):
            note(f"value {name}", values[name], value)
        features, logits = extractor(shown.float() / 127.5 - 1)
        note("extractor, batch norms folded: 2048", features, its_values[3])
        note("extractor, batch norms folded: logits_unbiased", logits, its_values[4])
    return worst


def distances() -> dict[str, float]:
    """How far apart FID, KID and Inception score are on the same features, relatively."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_isc import isc_features_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric

    stream = torch.Generator().manual_seed(0)
    a, b = (torch.randn(1503, 64, generator=stream, dtype=torch.float64) for _ in range(2))
    b = b * 1.3 + 0.2
    statistics = [fid_features_to_statistics(x) for x in (a, b)]
    fid = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    kid = kid_features_to_metric(a, b, kid_subsets=5, kid_subset_size=700, verbose=False)
    draws, chosen = np.random.RandomState(2020), []  # its own way to draw subsets
    for _ in range(5):
        rows = [draws.choice(1503, 700, replace=False) for _ in "ab"]
        chosen.append(kernel_distance(a[rows[0]], b[rows[1]]))
    score = isc_features_to_metric(a * 3, splits=10, shuffle=False)["inception_score_mean"]
    found = {
        "FID": (frechet_distance(a, b), fid),
        "KID": (float(np.mean(chosen)), kid["kernel_inception_distance_mean"]),
        "IS": (inception_score(a * 3, 10), score),
    }
    return {name: abs(mine - its) / abs(its) for name, (mine, its) in found.items()}


def golden(theirs: Any) -> dict[str, Any]:
    """A few of torch-fidelity's numbers for each of ``SHAPES``: the first, and the mean of all."""
    found = {}
    for shape in SHAPES:
        with torch.no_grad():
            values = theirs(images(shape))
        names = theirs.features_list
        found["x".join(map(str, shape))] = {
            name: [*value[0, :KEPT].tolist(), float(value.mean())]
            for name, value in zip(names, values, strict=True)
        }
    return found


def main() -> None:
    """Print a table; end with 1 where a difference is over the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="keep a few numbers for the tests")
    options = parser.parse_args()
    torch.set_num_threads(1)
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(quantized(levels.float() / 127.5 - 1)[:, :1], levels)
    state = random_state(Inception2015().state_dict())
    theirs = peer(state)
    rows = {**layers(state, theirs), **distances()}
    for name, difference in rows.items():
        print(f"{name:50} {difference:.1e}")
    print(f"{len(rows)} compared; the largest difference is {max(rows.values()):.1e}")
    if options.write:
        command = "python benchmarks/inception_oracle.py --write tests/inception.json"
        content = {"command": command, "torch-fidelity": "0.4.0", **golden(theirs)}
        options.write.write_text(json.dumps(content, indent=1) + "\n")
    sys.exit(max(rows.values()) > GOAL)


if __name__ == "__main__":
    main()
