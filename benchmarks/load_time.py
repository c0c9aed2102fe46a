"""How long a pretrained model takes to load: embedded, from the client's cache, downloaded.

    python benchmarks/load_time.py [NAME]

Prints the median time of several loads with 64 samples, not counting imports, and the number of
HTTP requests. The Hub runs on this machine, so that the speed of a network does not matter.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from loopback import Hub

import ganzoo
from ganzoo.plugins.default import default_zoo
from ganzoo.plugins.registry import registry
from ganzoo.plugins.sources import Registered
from ganzoo.storage.hub import Client
from ganzoo.storage.weight_file import WeightFile

if TYPE_CHECKING:
    from collections.abc import Callable

COMMIT, REPEATS, LARGE = "a" * 40, 7, 5_000_000


def timed(work: Callable[[int], object], repeats: int = REPEATS) -> float:
    seconds = []
    for i in range(repeats):
        start = time.perf_counter()
        work(i)
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "dcgan/fashion-mnist"
    model = registry().weights[name]
    ganzoo.load(name).sample(64)  # the imports, and torch's first use of each kernel
    size = sum(file.size for file in model.files if file.role == "generator")
    seconds = timed(lambda _: ganzoo.load(name).sample(64))
    print(f"{name}, generator of {size:,} bytes, embedded: load + 64 samples {seconds:.3f} s")

    source = Registered(model, Client(offline=True), default_zoo())
    blobs = {file.path: source.read(file.role) for file in model.files}
    files = tuple(file.model_copy(update={"embedded": False}) for file in model.files)
    registry().weights[name] = model.model_copy(update={"files": files, "revision": COMMIT})
    with tempfile.TemporaryDirectory() as folder, Hub() as hub:
        for path, blob in blobs.items():
            assert blob is not None
            hub.publish(model.repo, COMMIT, path, blob)

        def load(cache: str) -> object:
            place = Path(folder) / cache
            return ganzoo.load(name, endpoint=hub.endpoint, cache_dir=place).sample(64)

        seconds = timed(lambda i: load(f"first-{i}"))
        calls = len(hub.calls) / REPEATS
        print(f"from the Hub, first time: {seconds:.3f} s, {calls:g} HTTP calls")
        hub.calls.clear()
        seconds = timed(lambda _: load("first-0"))
        print(f"from the client's cache: {seconds:.3f} s, {len(hub.calls)} HTTP calls")

        blob = os.urandom(LARGE)
        digest = sha256(blob).hexdigest()
        file = WeightFile(
            role="generator", path="large.safetensors", size=LARGE, sha256=digest, embedded=False
        )
        hub.publish(model.repo, COMMIT, file.path, blob)
        published = registry().weights[name]

        def fetch(cache: str) -> bytes:
            return Client(endpoint=hub.endpoint, cache_dir=Path(folder) / cache).read(
                published, file
            )

        seconds = timed(lambda i: fetch(f"large-{i}"))
        print(f"{LARGE:,} bytes, first download and check: {seconds:.3f} s")
        seconds = timed(lambda _: fetch("large-0"))
        print(f"{LARGE:,} bytes, from the cache, checked again: {seconds:.3f} s")


if __name__ == "__main__":
    main()
