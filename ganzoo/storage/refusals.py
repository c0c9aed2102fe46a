"""What the Hub's client raises, as one sentence that says what to do."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from huggingface_hub import errors
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

from ganzoo.errors import WeightsError, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.storage.endpoint import Endpoint

STATUSES = {
    401: "run 'hf auth login' with a token that has access",
    403: "run 'hf auth login' with a token that has access",
    412: "somebody else has just committed there; try again",
}
"""What to do about an answer of the Hub, by its HTTP status."""
# The first that fits is used: the error of a gated repository is also one of a missing repository.
REMEDIES: dict[type[Exception], str] = {
    errors.GatedRepoError: " is gated: ask for access on its page, then 'hf auth login'.",
    errors.RepositoryNotFoundError: (
        " is missing or private: 'hf auth login' with an account that has access."
    ),
    errors.RevisionNotFoundError: ": that commit has vanished from the Hub; upgrade ganzoo-core.",
    errors.EntryNotFoundError: ": that commit has no such file; upgrade ganzoo-core.",
}
CACHE_FAULTS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
"""Errors of the cache's folder; all others of the operating system are the network's."""


@contextmanager
def as_sentence(where: str, endpoint: Endpoint, doing: str = "fetched from") -> Iterator[None]:
    """Turn what the client raises in the block into a WeightsError.

    ``where`` names the file or the repository, ``doing`` is what failed, before "the Hub".
    """
    host = endpoint.url
    try:
        yield
    except tuple(REMEDIES) as error:
        remedy = next(text for kind, text in REMEDIES.items() if isinstance(error, kind))
        message = f"{where}{remedy}"
        raise WeightsError(message) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        message = f"{where}: {host} answers {status}; {STATUSES.get(status, 'try again later')}."
        raise WeightsError(message) from error
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in CACHE_FAULTS:
            message = (
                f"{where} cannot be stored ({error.strerror}: {error.filename}); set cache_dir= or "
                "HF_HOME to a writable folder with enough space."
            )
        else:
            message = (
                f"{where} cannot be {doing} {host} ({first_line(error)}); try again when it is "
                "reachable."
            )
        raise WeightsError(message) from error
