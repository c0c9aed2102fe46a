"""Fetching MNIST and Fashion-MNIST from the Hub, re-encoded as the IDX files first published."""

from __future__ import annotations

from hashlib import md5
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.storage.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

HUB = {"mnist": "ylecun/mnist", "fashion-mnist": "zalando-datasets/fashion_mnist"}
TIMEOUT = 10.0
"""Seconds that the Hub has to answer."""


def encoded(array: NDArray[np.uint8]) -> bytes:
    """Return an array of bytes as the content of an IDX file."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()


def decoded(images: Iterable[bytes]) -> NDArray[np.uint8]:
    """Return grey images, each an encoded file, as one array, (N, height, width)."""
    from PIL import Image  # few users fetch, and all import this module

    return np.stack([np.asarray(Image.open(BytesIO(image)).convert("L")) for image in images])


def downloaded(repo: str, file: str) -> str:
    """The path of a file of a Hub dataset, in the client's cache; it is downloaded if need be."""
    import huggingface_hub as hub  # takes a quarter of a second to import

    endpoint = Endpoint.of(None)
    access: Any = {"endpoint": endpoint.url, "headers": endpoint.headers}
    if not isinstance(hub.try_to_load_from_cache(repo, file, repo_type="dataset"), str):
        # The download is retried for half a minute where there is no network; this is not.
        url = hub.hf_hub_url(repo, file, repo_type="dataset", endpoint=endpoint.url)
        hub.get_hf_file_metadata(url, timeout=TIMEOUT, **access)
    return str(hub.hf_hub_download(repo, file, repo_type="dataset", **access))


def fetched(name: str, digests: Mapping[str, str], folder: Path) -> str:
    """Write a dataset's four IDX files into a folder; returns "", or why that was impossible.

    The Hub holds the images as PNG in parquet files, which pyarrow reads; it is optional. A file
    whose re-encoding does not have the published file's md5 is not written.
    """
    if find_spec("pyarrow") is None:
        return "to have them fetched from the Hub instead, install pyarrow"
    from pyarrow import parquet  # optional, and slow to import

    repo = HUB[name]
    try:
        for split, part in (("train", "train"), ("t10k", "test")):
            file = f"{repo.split('/')[1]}/{part}-00000-of-00001.parquet"
            table = parquet.read_table(downloaded(repo, file))
            images = decoded(row["bytes"] for row in table["image"].to_pylist())
            labels = table["label"].to_numpy().astype(np.uint8)
            for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
                content, target = encoded(array), f"{split}-{kind}-ubyte"
                if md5(content, usedforsecurity=False).hexdigest() != digests[target]:
                    return f"the Hub's {repo} does not hold the published {target}"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / target).write_bytes(content)
    except Exception as error:  # noqa: BLE001  (the client lets transport errors of its own through)
        return f"the Hub's {repo} could not be fetched: {type(error).__name__}"
    return ""
