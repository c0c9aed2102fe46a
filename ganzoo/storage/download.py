"""One download by the Hub's client, given up once nothing has arrived for a while.

The client has a timeout for reading, but three things about it cannot be set for one call, and are
changed here by hooks on its HTTP session, for downloads of this module alone:

- the timeout is a global of the client's, read from the environment when it is imported;
- after a timeout the client tries five times more, so that a dead line is noticed six times late;
- it keeps what has arrived in pieces of 10 MB. A smaller file, such as ours, would start over
  after every break of the line, and for a slow line "a piece arrived" comes minutes apart.

A file that comes by Xet is not fetched over this session; there Xet's own timeouts apply. Another
process that fetches the same file is waited for by the client's own lock on it.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import get_session, hf_hub_download
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

from ganzoo.storage.lock import Exclusive

if TYPE_CHECKING:
    from collections.abc import Iterator


class Arrival:
    """What has arrived of one download, and when."""

    def __init__(self, timeout: float, most: int) -> None:
        """Give up after ``timeout`` silent seconds, or more than ``most`` bytes over all tries."""
        self.timeout, self.most = timeout, most
        self.received = 0
        self.asked: float | None = None
        """When a request was sent that has not been answered."""

    def request(self, request: Any) -> None:
        """Set the timeout of a request; raise TimeoutError if it repeats one that timed out."""
        if request.method != "GET":
            return  # the client sends HEAD requests with a timeout that is given to it
        now = time.monotonic()
        if self.asked is not None and now - self.asked >= self.timeout:
            raise self.silence()
        self.asked = now
        timeouts = httpx.Timeout(self.timeout).as_dict()
        request.extensions = {**request.extensions, "timeout": timeouts}

    def response(self, response: Any) -> None:
        """Hand the client every piece of the body as soon as it has arrived."""
        self.asked = None
        response.iter_bytes = lambda chunk_size=None: self.pieces(response)  # noqa: ARG005

    def pieces(self, response: Any) -> Iterator[bytes]:
        """The body of a response, counted; OSError ends the download, as the client retries none.

        Raises TimeoutError, which is an OSError, when the line falls silent.
        """
        try:
            for piece in type(response).iter_bytes(response):
                self.received += len(piece)
                if self.received > self.most:  # the client retries as long as anything arrives
                    message = "the connection broke off repeatedly"
                    raise OSError(message)
                yield piece
        except httpx.TimeoutException as error:
            raise self.silence() from error

    def silence(self) -> TimeoutError:
        """The error of a line that has fallen silent."""
        return TimeoutError(f"nothing arrived for {self.timeout:g} s")


HOOKS = Exclusive()
"""The hooks of the client's session."""
_current: ContextVar[Arrival | None] = ContextVar("_current", default=None)
"""The download of this thread; the hooks see the requests of every thread, and of other code."""


def _on_request(request: Any) -> None:
    if (arrival := _current.get()) is not None:
        arrival.request(request)


def _on_response(response: Any) -> None:
    if (arrival := _current.get()) is not None:
        arrival.response(response)


def download(repo: str, path: str, *, timeout: float, most: int, **options: Any) -> Path:
    """Download one file into the client's cache, and return its path there.

    ``options`` are those of ``hf_hub_download``. Raises TimeoutError when nothing arrives for
    ``timeout`` seconds, OSError once ``most`` bytes have come without the file being complete, and
    whatever the client raises.
    """
    # The session is the client's, or the one that the user has configured for it (a proxy, say).
    hooks = get_session().event_hooks
    with HOOKS.held():  # added twice, they would count every byte twice
        if _on_request not in hooks["request"]:
            hooks["request"].append(_on_request)
            hooks["response"].append(_on_response)
    token = _current.set(Arrival(timeout, most))
    try:
        return Path(
            hf_hub_download(repo, path, etag_timeout=timeout, library_name="ganzoo", **options)
        )
    finally:
        _current.reset(token)
