"""Files from the Hub, pinned by commit and by sha256, and kept in its client's own cache.

Nothing that an endpoint says is trusted: first the answer to one HEAD request, then the bytes are
compared with what was published.

huggingface_hub is imported inside functions, for start-up time: the import takes 0.15 s, and
weights that are embedded in a wheel never need it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ganzoo.errors import WeightsError, counted
from ganzoo.storage.endpoint import Endpoint
from ganzoo.storage.reading import read_bytes
from ganzoo.storage.weight_file import MOST_BYTES, WeightFile

if TYPE_CHECKING:
    from collections.abc import Mapping

SHA256 = re.compile(r"[0-9a-f]{64}")
HASH = re.compile(r"[0-9a-f]+")
MOST_COPIES = 3
"""How many times its size a file may take to download, over all tries."""


class Published(Protocol):
    """What must be known about a model to find its files on the Hub."""

    @property
    def name(self) -> str:
        """Its name, for messages."""

    @property
    def repo(self) -> str:
        """Its repository, ``org/name``."""

    @property
    def revision(self) -> str | None:
        """Its commit, 40 hexadecimal digits; None until it is published."""


@dataclass(frozen=True)
class Client:
    """How to access the Hub; everything but ``timeout`` means what it means to huggingface_hub."""

    offline: bool = False
    token: str | bool | None = field(default=None, repr=False)
    cache_dir: str | Path | None = None
    endpoint: str | None = field(default=None, repr=False)
    """Another Hub; a name and password before its host are sent, and never shown."""
    timeout: float = 10.0
    """Seconds without an answer, or without a byte of one, after which the Hub is given up."""

    def read(self, model: Published, file: WeightFile) -> bytes:
        """Read a registered file from the cache, or download it by its pinned commit.

        Raises WeightsError, which says what to do, if it is not available or not the same file.
        """
        if model.revision is None:
            message = f"the {file.role} of '{model.name}' is not on the Hub yet."
            raise WeightsError(message)
        where = f"'{model.name}' ({model.repo}@{model.revision[:8]}, {file.path})"
        return self._read(where, model.repo, model.revision, file)

    def pinned(self, name: str, repo: str, revision: str, path: str) -> bytes:
        """Read a file of any repository at a commit; its sha256 must be the one the Hub states.

        Raises WeightsError, which says what to do, if it is not available or not the same file.
        """
        where = f"'{name}'"
        cached = self.cached(repo, revision, path)
        if cached is not None:
            # The client names a blob by its sha256, so the cache can be checked without a request.
            digest = cached.resolve().name
            if SHA256.fullmatch(digest):
                file = _generator(path, cached.stat().st_size, digest)
                return self._read(where, repo, revision, file)
        self._require_network(where)
        offered = self._metadata(where, repo, revision, path)
        etag = str(offered.etag or "")
        if not SHA256.fullmatch(etag) or not offered.size or offered.size > MOST_BYTES:
            message = (
                f"{where} cannot be checked: the Hub states no sha256 and size for it, as it does "
                "for weights, which it stores as large files."
            )
            raise WeightsError(message)
        return self._read(where, repo, revision, _generator(path, offered.size, etag))

    def _read(self, where: str, repo: str, revision: str, file: WeightFile) -> bytes:
        cached = self.cached(repo, revision, file.path)
        corrupt = False
        if cached is not None:
            blob = _bytes(cached, where)
            try:
                file.check(blob, f"{where} in the cache at {cached}", "")
            except WeightsError as error:
                if self.offline:
                    message = f"{error} Go online, or delete that file."
                    raise WeightsError(message) from error
                corrupt = True
            else:
                return blob
        self._require_network(where)
        offered = self._metadata(where, repo, revision, file.path)
        _check_offer(where, revision, file, offered)
        blob = _bytes(self._download(where, repo, revision, file, force=corrupt), where)
        file.check(blob, where, "Do not use it; try another mirror, after 'hf cache rm'.")
        return blob

    def cached(self, repo: str, revision: str, path: str) -> Path | None:
        """The path of a file in the client's cache, found without a request; None if absent."""
        from huggingface_hub import try_to_load_from_cache  # start-up time

        found = try_to_load_from_cache(repo, path, cache_dir=self.cache_dir, revision=revision)
        return Path(found) if isinstance(found, str) else None

    def _require_network(self, where: str) -> None:
        from huggingface_hub import constants  # start-up time

        if self.offline or constants.HF_HUB_OFFLINE:
            message = f"{where} is not in the cache, and ganzoo is offline; load it once online."
            raise WeightsError(message)

    def _access(self, endpoint: Endpoint) -> Mapping[str, Any]:
        return {"token": self.token, "endpoint": endpoint.url, "headers": endpoint.headers}

    def _metadata(self, where: str, repo: str, revision: str, path: str) -> Any:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url  # start-up time

        from ganzoo.storage.refusals import as_sentence  # start-up time

        endpoint = Endpoint.of(self.endpoint)
        with as_sentence(where, endpoint):
            url = hf_hub_url(repo, path, revision=revision, endpoint=endpoint.url)
            return get_hf_file_metadata(url, timeout=self.timeout, **self._access(endpoint))

    def _download(
        self, where: str, repo: str, revision: str, file: WeightFile, *, force: bool
    ) -> Path:
        from ganzoo.storage.download import download  # start-up time
        from ganzoo.storage.refusals import as_sentence  # start-up time

        endpoint = Endpoint.of(self.endpoint)
        with as_sentence(where, endpoint):
            return download(
                repo,
                file.path,
                revision=revision,
                timeout=self.timeout,
                most=MOST_COPIES * file.size,
                cache_dir=self.cache_dir,
                force_download=force,
                **self._access(endpoint),
            )


def _check_offer(where: str, revision: str, file: WeightFile, offered: Any) -> None:
    etag = str(offered.etag or "")
    differences = (
        (offered.commit_hash != revision, f"commit {offered.commit_hash}"),
        (offered.size != file.size, f"{counted(offered.size, 'byte')}, not {file.size}"),
        (not HASH.fullmatch(etag), "an etag that is no hash"),
        # Where a file is not stored as a large one, the etag is git's hash, which cannot be known.
        (SHA256.fullmatch(etag) and etag != file.sha256, "another sha256"),
    )
    for differs, what in differences:
        if differs:
            message = (
                f"{where} is not what was published: the Hub offers {what}. Nothing was downloaded."
            )
            raise WeightsError(message)


def _generator(path: str, size: int, digest: str) -> WeightFile:
    return WeightFile(role="generator", path=path, size=size, sha256=digest, embedded=False)


def _bytes(path: Path, where: str) -> bytes:
    try:
        return read_bytes(path, MOST_BYTES)
    except OSError as error:
        message = f"{where} cannot be read at {path}: {error.strerror}."
        raise WeightsError(message) from error
