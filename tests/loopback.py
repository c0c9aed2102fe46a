"""A Hub on this machine, as much of one as a download needs, with faults on request.

It answers HEAD and GET of ``/ORG/REPO/resolve/COMMIT/PATH`` as the Hub does for large files: with
metadata in headers, and a redirect to another host name for the bytes.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Hub:
    """What is published, what goes wrong, and every request that came."""

    files: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    fault: str = ""
    calls: list[str] = field(default_factory=list)
    slow: float = 30.0
    server: Any = None

    def __enter__(self) -> Self:
        """Listen on a free port."""
        handler = type("Handler", (Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def publish(self, repo: str, revision: str, path: str, blob: bytes) -> None:
        """Have a file."""
        self.files[repo, revision, path] = blob


class Handler(BaseHTTPRequestHandler):
    """One request."""

    hub: Hub
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_HEAD(self) -> None:
        """Metadata."""
        self.answer(body=False)

    def do_GET(self) -> None:
        """The bytes, behind a redirect."""
        self.answer(body=True)

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def refuse(self, status: int, code: str) -> None:
        """An error as the Hub words it: in headers."""
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, *, body: bool) -> None:
        """What the Hub would say, or the fault."""
        hub, fault = self.hub, self.hub.fault
        hub.calls.append(f"{self.command} {self.path}")
        if fault == "black hole":
            time.sleep(hub.slow)
        if fault == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
            return
        refusals = {
            "503": (503, ""),
            "429": (429, ""),
            "gated": (403, "GatedRepo"),
            "private": (401, "RepoNotFound"),
            "vanished": (404, "RevisionNotFound"),
        }
        if fault in refusals:
            self.refuse(*refusals[fault])
            return
        is_blob = self.path.startswith("/blob/")
        repo, _, rest = self.path.removeprefix("/blob").removeprefix("/").partition("/resolve/")
        revision, _, path = rest.partition("/")
        path = path.partition("?")[0]
        blob = hub.files.get((repo, revision, path))
        if blob is None:
            self.refuse(404, "EntryNotFound")
            return
        if body and not is_blob:
            self.send_response(302)
            self.facts(revision, blob)
            port = hub.server.server_port
            self.send_header("Location", f"http://localhost:{port}/blob{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.facts(revision, blob)
        self.send_header("Content-Length", str(len(blob)))
        self.end_headers()
        if body:
            self.wfile.write(self.spoilt(blob))
            if fault in {"cut", "short"}:
                self.close_connection = True

    def facts(self, revision: str, blob: bytes) -> None:
        """The headers that the client and ganzoo read."""
        fault = self.hub.fault
        self.send_header("X-Repo-Commit", "b" * 40 if fault == "other commit" else revision)
        digest = "f" * 64 if fault == "other sha" else sha256(blob).hexdigest()
        self.send_header("X-Linked-Etag", "no hash!" if fault == "bad etag" else f'"{digest}"')
        self.send_header("X-Linked-Size", str(len(blob) + (fault == "wrong size")))

    def spoilt(self, blob: bytes) -> bytes:
        """The bytes that are sent."""
        if self.hub.fault == "cut":
            return blob[: len(blob) // 2]
        if self.hub.fault == "short":
            return blob[:-7]
        if self.hub.fault == "flip":
            return blob[:-1] + bytes([blob[-1] ^ 1])
        return blob
