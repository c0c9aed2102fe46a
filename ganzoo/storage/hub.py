"""Files from the Hub, pinned by commit and by sha256, and from its client's cache without a call.

Nothing that an endpoint says is believed before it is checked: first a HEAD request, which is not
retried, is held against the registry, then the bytes are.
"""

from __future__ import annotations

import errno
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.errors import WeightsError
from ganzoo.storage.stall import watched
from ganzoo.storage.weight_file import MOST_BYTES, WeightFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ganzoo.plugins.registry import Model

HEX = re.compile(r"[0-9a-f]+")
CHUNK = 1 << 16
TRIES = 3
"""How often, in bytes, a file may come before it is given up."""
REFUSED = {
    401: "run 'hf auth login' with a token that may",
    403: "run 'hf auth login' with a token that may",
    412: "somebody else has just committed there; try again",
}
"""What to do about an answer of the Hub by its status."""
OF_THE_CACHE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
"""What a folder can have against a file."""


@dataclass(frozen=True)
class Client:
    """How the Hub is asked; everything but ``timeout`` is as huggingface_hub means it."""

    offline: bool = False
    token: str | bool | None = None
    cache_dir: str | Path | None = None
    endpoint: str | None = None
    timeout: float = 10.0
    """Seconds that the Hub has to answer."""

    def read(self, model: Model, file: WeightFile) -> bytes:
        """A registered file: from the cache if it is whole there, else by its pinned commit."""
        if model.revision is None:
            message = f"the {file.role} of '{model.name}' is not on the Hub yet."
            raise WeightsError(message)
        where = f"'{model.name}' ({model.repo}@{model.revision[:8]}, {file.path})"
        return self._read(where, model.repo, model.revision, file.path, file)

    def pinned(self, name: str, repo: str, revision: str, path: str) -> bytes:
        """A file of any repository; the Hub's own sha256 for that commit must be its bytes'."""
        where = f"'{name}'"
        cached = self.cached(repo, revision, path)
        if cached is not None:
            # The client names a blob by its sha256, so the cache can be checked without a call.
            vouched = cached.resolve().name
            if re.fullmatch(r"[0-9a-f]{64}", vouched):
                file = _file(path, cached.stat().st_size, vouched)
                return self._read(where, repo, revision, path, file)
        self._online(where)
        seen = self._preflight(where, repo, revision, path)
        etag = str(seen.etag or "")
        if not re.fullmatch(r"[0-9a-f]{64}", etag) or not seen.size or seen.size > MOST_BYTES:
            message = (
                f"{where} cannot be checked: the Hub gives no sha256 and size for it. Weights are "
                "stored there as large files."
            )
            raise WeightsError(message)
        file = _file(path, seen.size, etag)
        return self._read(where, repo, revision, path, file)

    def _read(self, where: str, repo: str, revision: str, path: str, file: WeightFile) -> bytes:
        cached = self.cached(repo, revision, path)
        rotten = False
        if cached is not None:
            blob = _bytes(cached, where)
            try:
                file.check(blob, f"{where} in the cache at {cached}", "")
            except WeightsError as error:
                if self.offline:
                    message = f"{error} Go online, or delete that file."
                    raise WeightsError(message) from error
                rotten = True
            else:
                return blob
        self._online(where)
        seen = self._preflight(where, repo, revision, path)
        self._believed(where, revision, file, seen)
        fetched = self._download(where, repo, revision, path, most=TRIES * file.size, force=rotten)
        blob = _bytes(fetched, where)
        file.check(blob, where, "Do not use it; try another mirror, after 'hf cache rm'.")
        return blob

    def cached(self, repo: str, revision: str, path: str) -> Path | None:
        """Where the client's cache has a file, which is found without a call."""
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(repo, path, cache_dir=self.cache_dir, revision=revision)
        return Path(found) if isinstance(found, str) else None

    def _online(self, where: str) -> None:
        from huggingface_hub import constants

        if self.offline or constants.HF_HUB_OFFLINE:
            message = f"{where} is not in the cache, and ganzoo is offline; load it once online."
            raise WeightsError(message)

    def _preflight(self, where: str, repo: str, revision: str, path: str) -> Any:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        with worded(where, self.endpoint):
            url = hf_hub_url(repo, path, revision=revision, endpoint=self.endpoint)
            return get_hf_file_metadata(
                url, token=self.token, timeout=self.timeout, endpoint=self.endpoint
            )

    def _believed(self, where: str, revision: str, file: WeightFile, seen: Any) -> None:
        etag = str(seen.etag or "")
        wrong = (
            (seen.commit_hash != revision, f"commit {seen.commit_hash}"),
            (seen.size != file.size, f"{seen.size} bytes, not {file.size}"),
            (not HEX.fullmatch(etag), "an etag that is no hash"),
            (len(etag) == 64 and etag != file.sha256, "another sha256"),  # noqa: PLR2004
        )
        for is_wrong, what in wrong:
            if is_wrong:
                message = (
                    f"{where} is not what was published: the Hub offers {what}. Nothing was "
                    "downloaded."
                )
                raise WeightsError(message)

    def _download(
        self, where: str, repo: str, revision: str, path: str, *, most: int, force: bool
    ) -> Path:
        from huggingface_hub import constants, hf_hub_download
        from huggingface_hub.utils.tqdm import tqdm

        # The client tells of every 10 MB that came, for which a slow line takes minutes.
        constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, CHUNK)

        def fetched(alive: Callable[[], None]) -> str:
            class Progress(tqdm):
                came = 0.0

                def update(self, n: float | None = 1) -> bool | None:
                    alive()
                    self.came += max(n or 0, 0)
                    if self.came > most:  # the client tries on as long as anything comes
                        message = "it breaks off again and again"
                        raise OSError(message)
                    shown: bool | None = super().update(n)
                    return shown

            return hf_hub_download(
                repo,
                path,
                revision=revision,
                cache_dir=self.cache_dir,
                token=self.token,
                endpoint=self.endpoint,
                force_download=force,
                etag_timeout=self.timeout,
                library_name="ganzoo",
                tqdm_class=Progress,
            )

        # The client itself waits a minute for a Hub that answers and then sends nothing.
        with worded(where, self.endpoint):
            return Path(watched(fetched, self.timeout, lambda: self._arriving(repo)))

    def _arriving(self, repo: str) -> dict[str, int]:
        """What has come of a repository's files: while one process fetches a file, others wait."""
        from huggingface_hub import constants
        from huggingface_hub.file_download import repo_folder_name

        cache = Path(self.cache_dir or constants.HF_HUB_CACHE)
        folder = cache / repo_folder_name(repo_id=repo, repo_type="model") / "blobs"
        sizes = {}
        for path in folder.glob("*.incomplete"):
            with suppress(FileNotFoundError):  # it has just been completed
                sizes[path.name] = path.stat().st_size
        return sizes


@contextmanager
def worded(where: str, endpoint: str | None, doing: str = "fetched from") -> Iterator[None]:
    """What the client raises, as one sentence with what to do."""
    from huggingface_hub import constants, errors
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    host = endpoint or constants.ENDPOINT
    # The first that fits is told: a gated repository's error is also a missing one's.
    remedies: dict[type[Exception], str] = {
        errors.GatedRepoError: " is gated: ask for access on its page, then 'hf auth login'.",
        errors.RepositoryNotFoundError: (
            " is missing or private: 'hf auth login' with an account that may."
        ),
        errors.RevisionNotFoundError: (
            ": that commit has vanished from the Hub; upgrade ganzoo-core."
        ),
        errors.EntryNotFoundError: ": that commit has no such file; upgrade ganzoo-core.",
    }
    try:
        yield
    except tuple(remedies) as error:
        remedy = next(told for kind, told in remedies.items() if isinstance(error, kind))
        message = f"{where}{remedy}"
        raise WeightsError(message) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        told = REFUSED.get(status, "try again later")
        message = f"{where}: {host} answers {status}; {told}."
        raise WeightsError(message) from error
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        told = (str(error).strip() or type(error).__name__).splitlines()[0]
        message = f"{where} cannot be {doing} {host} ({told}); try again when it is reached."
        if isinstance(error, OSError) and error.errno in OF_THE_CACHE:
            message = (
                f"{where} cannot be kept ({error.strerror}: {error.filename}); give cache_dir=, or "
                "set HF_HOME, a folder that can be written and has room."
            )
        raise WeightsError(message) from error


def _file(path: str, size: int, sha: str) -> WeightFile:
    return WeightFile(role="generator", path=path, size=size, sha256=sha, embedded=False)


def _bytes(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{where} cannot be read at {path}: {error.strerror}."
        raise WeightsError(message) from error
