"""A Hub on this machine: as much of one as its client needs here, with faults on demand.

It serves downloads, uploads, listings and tags over the routes and headers that the client uses.
Large files are behind a redirect to another host name. Requests without a route are collected in
``unknown``.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote

from repositories import File, Repository, is_large
from xet_store import stored

TOKENS = {"hf_write": "write", "hf_read": "read"}
REFUSALS = {
    "503": (503, ""),
    "429": (429, ""),
    "gated": (403, "GatedRepo"),
    "private": (401, "RepoNotFound"),
    "vanished": (404, "RevisionNotFound"),
}
"""Faults that refuse every request: the status, and the Hub's error code."""


class Refused(Exception):  # noqa: N818  (an answer, not a mistake)
    """A refused request: its status, and the code and message for its headers."""

    def __init__(self, status: int, code: str = "", message: str = "", **told: str) -> None:
        super().__init__(status)
        self.status, self.told = status, {"error": message or code, **told}
        self.headers = {"X-Error-Code": code, "X-Error-Message": message or code}


@dataclass
class Hub:
    """The published files, the fault to produce, and every request received."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    store: dict[str, bytes] = field(default_factory=dict)
    """The bytes of every file by their sha256."""
    fault: str = ""
    calls: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    password: str = ""
    """``user:password``, which every request at this host's own name must carry, and no other."""
    slow: float = 30.0
    """How many seconds a fault keeps the client waiting."""
    xet: Path | None = None
    """The folder in which hf-xet stores large files; None turns Xet off."""
    server: Any = None

    def __enter__(self) -> Self:
        """Listen on a free port."""
        handler = type("Handler", (Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        serve = partial(self.server.serve_forever, poll_interval=0.01)  # how long it takes to stop
        threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()

    @property
    def endpoint(self) -> str:
        """The URL at which it listens."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def publish(self, repo: str, revision: str, path: str, blob: bytes) -> None:
        """Add a file to a commit."""
        repository = self.repositories.setdefault(repo, Repository())
        repository.commits.setdefault(revision, {})[path] = self.keep(path, blob)
        repository.head = revision

    def keep(self, path: str, blob: bytes) -> File:
        """Store a file's bytes."""
        plain = File.plain(blob)
        self.store[plain.sha256] = blob
        return File.pointed(plain.sha256, plain.size) if is_large(path) else plain

    def came(self, digest: str, size: int) -> File | None:
        """A large file, or None if its bytes have not been uploaded."""
        xet = stored(self.xet).get(digest, "") if self.xet else ""
        return File.pointed(digest, size, xet) if xet or digest in self.store else None


ROUTES: list[tuple[frozenset[str], re.Pattern[str], bool, Callable[..., None]]] = []
FIELDS = {"repo": r"[\w.-]+/[\w.-]+", "path": ".+"}
Method = Callable[..., None]


def route(methods: str, path: str, *, writes: bool = False) -> Callable[[Method], Method]:
    """Register a method as the answer to a path; ``writes`` needs a token with write access."""
    pattern = re.sub(r"{(\w+)}", lambda m: f"(?P<{m[1]}>{FIELDS.get(m[1], '[^/]+')})", path)

    def mark(answer: Method) -> Method:
        ROUTES.append((frozenset(methods.split()), re.compile(pattern), writes, answer))
        return answer

    return mark


class Handler(BaseHTTPRequestHandler):
    """One request."""

    hub: Hub
    body: bytes
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def answer(self) -> None:
        """Answer as the Hub would, or with the fault."""
        hub = self.hub
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hub.calls.append(f"{self.command} {self.path}")
        if hub.fault == "black hole":
            time.sleep(hub.slow)
        if hub.fault == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
            return
        try:
            self.granted()
        except Refused as refused:
            self.say(json.dumps(refused.told).encode(), refused.status, refused.headers)

    do_HEAD = do_GET = do_POST = do_PUT = answer  # noqa: N815

    def granted(self) -> None:
        """Call the route of the request, unless it is refused."""
        basic = f"Basic {base64.b64encode(self.hub.password.encode()).decode()}"
        here = self.headers["Host"].startswith("127.0.0.1")
        if self.hub.password and here != (self.headers.get("Authorization") == basic):
            raise Refused(401, "", "a password is needed here, and must not be sent elsewhere")
        if self.hub.fault in REFUSALS:
            raise Refused(*REFUSALS[self.hub.fault])
        path = unquote(self.path.partition("?")[0])
        for methods, pattern, writes, answer in ROUTES:
            found = pattern.fullmatch(path)
            if found and self.command in methods:
                role = self.role()
                if writes and role != "write":
                    raise Refused(403 if role else 401, "", "a token that may write is needed")
                answer(self, **found.groupdict())
                return
        self.hub.unknown.append(f"{self.command} {self.path}")
        raise Refused(404, "", "there is no such route")

    def role(self) -> str:
        """The role of the request's token; "" without a token."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.hub.password:
            return "write"
        if token and token not in TOKENS:
            raise Refused(401, "", "Invalid credentials in Authorization header")
        return TOKENS.get(token, "")

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def say(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def tell(self, value: object) -> None:
        """Send JSON."""
        self.say(json.dumps(value).encode(), 200, {"Content-Type": "application/json"})

    def repository(self, repo: str) -> Repository:
        """A repository; refused if there is none."""
        if repo not in self.hub.repositories:
            raise Refused(404, "RepoNotFound")
        return self.hub.repositories[repo]

    def files(self, repo: str, revision: str) -> tuple[str, dict[str, File]]:
        """A commit and its files; refused if there is none."""
        repository = self.repository(repo)
        commit = repository.resolve(revision)
        if not commit:
            raise Refused(404, "RevisionNotFound")
        return commit, repository.commits[commit]

    # -------------------------------------------------------------------------------- downloads

    @route("GET HEAD", "/{repo}/resolve/{revision}/{path}")
    def resolve(self, repo: str, revision: str, path: str) -> None:
        """A file's headers and, unless it is large and redirected, its bytes."""
        commit, files = self.files(repo, revision)
        if path not in files:
            raise Refused(404, "EntryNotFound")
        file, fault = files[path], self.hub.fault
        etag = {"other sha": "f" * 64, "bad etag": "no hash!"}.get(fault, file.etag)
        facts = {"X-Repo-Commit": "b" * 40 if fault == "other commit" else commit}
        if not file.large:
            self.say(self.hub.store[file.sha256], 200, facts | {"ETag": f'"{etag}"'})
            return
        facts |= {
            "X-Linked-Etag": f'"{etag}"',
            "X-Linked-Size": str(file.size + (fault == "wrong size")),
            "Location": f"{self.elsewhere()}/blob/{file.sha256}",
        }
        if file.xet:
            token = f"{self.hub.endpoint}/api/models/{repo}/xet-read-token/{commit}"
            facts |= {"X-Xet-Hash": file.xet, "Link": f'<{token}>; rel="xet-auth"'}
        self.say(b"", 302, facts)

    def elsewhere(self) -> str:
        """This machine by another name: the client trusts headers only of the Hub's own host."""
        return f"http://localhost:{self.hub.server.server_port}"

    @route("GET", "/blob/{digest}")
    def blob(self, digest: str) -> None:
        """The bytes of a large file, from the start of the requested range."""
        blob, fault = self.hub.store[digest], self.hub.fault
        if fault == "mute":
            time.sleep(self.hub.slow)
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if start and fault != "cut":
            blob, fault = blob[int(start[1]) :], fault if fault != "cut once" else ""
        self.send_response(206 if start and fault != "cut" else 200)
        self.send_header("Content-Length", str(len(blob)))
        self.end_headers()
        half = blob[: len(blob) // 2]
        sent = {
            **dict.fromkeys(("cut", "cut once", "stall"), half),
            "short": blob[:-7],
            "flip": blob[:-1] + bytes([blob[-1] ^ 1]),
        }.get(fault, blob)
        pieces = 20 if fault == "drip" else 1
        for piece in range(pieces):
            first, last = (len(sent) * at // pieces for at in (piece, piece + 1))
            self.wfile.write(sent[first:last])
            self.wfile.flush()
            if fault in {"drip", "stall"}:
                time.sleep(self.hub.slow / pieces)
        self.close_connection = len(sent) < len(blob)

    @route("GET", "/api/models/{repo}/xet-{kind}-token/{revision}")
    def xet_token(self, repo: str, kind: str, revision: str) -> None:
        """The address of Xet's store, and a token for it."""
        del kind
        self.files(repo, revision)
        if self.hub.xet is None:
            raise Refused(404)
        facts = {
            "X-Xet-Cas-Url": f"local://{self.hub.xet}",
            "X-Xet-Access-Token": "token",
            "X-Xet-Token-Expiration": str(int(time.time()) + 3600),
        }
        told = dict(zip(("casUrl", "accessToken", "exp"), facts.values(), strict=True))
        self.say(json.dumps(told | {"exp": int(told["exp"])}).encode(), 200, facts)

    # --------------------------------------------------------------------------------- listings

    @route("GET", "/api/agent-harnesses")
    def harnesses(self) -> None:
        """The answer to a request of the client's telemetry."""
        self.tell({"standardEnvVars": [], "harnesses": {}})

    @route("GET", "/api/whoami-v2")
    def whoami(self) -> None:
        """The owner of the token."""
        role = self.role()
        if not role:
            raise Refused(401, "", "Invalid username or password.")
        token = {"displayName": "a token", "role": role}
        user = {"type": "user", "name": "maintainer", "orgs": [], "auth": {"accessToken": token}}
        self.tell(user)

    @route("GET", "/api/models/{repo}")
    def model(self, repo: str) -> None:
        """A repository at its newest commit."""
        self.revision(repo, "main")

    @route("GET", "/api/models/{repo}/revision/{revision}")
    def revision(self, repo: str, revision: str) -> None:
        """A repository at a commit."""
        commit, files = self.files(repo, revision)
        siblings = [{"rfilename": path} for path in files]
        facts = {"id": repo, "sha": commit, "private": False, "gated": False, "tags": []}
        self.tell(facts | {"siblings": siblings})

    @route("GET", "/api/models/{repo}/tree/{revision}")
    def tree(self, repo: str, revision: str) -> None:
        """Every file of a commit."""
        _, files = self.files(repo, revision)
        self.tell([file.listed(path) for path, file in files.items()])

    @route("POST", "/api/models/{repo}/paths-info/{revision}")
    def paths(self, repo: str, revision: str) -> None:
        """The requested files of a commit."""
        _, files = self.files(repo, revision)
        wanted = parse_qs(self.body.decode())["paths"]
        self.tell([file.listed(path) for path, file in files.items() if path in wanted])

    @route("GET", "/api/models/{repo}/refs")
    def refs(self, repo: str) -> None:
        """Branches and tags."""
        repository = self.repository(repo)
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repository.head}
        tags = [
            {"name": name, "ref": f"refs/tags/{name}", "targetCommit": commit}
            for name, commit in repository.tags.items()
        ]
        self.tell({"branches": [main], "converts": [], "tags": tags})

    # ---------------------------------------------------------------------------------- uploads

    @route("POST", "/api/repos/create", writes=True)
    def create(self) -> None:
        """A new repository with its first commit."""
        asked = json.loads(self.body)
        repo = f"{asked['organization'] or 'maintainer'}/{asked['name']}"
        url = f"{self.hub.endpoint}/{repo}"
        if repo in self.hub.repositories:
            raise Refused(409, "", "You already created this model repo", url=url)
        made = self.hub.repositories[repo] = Repository()
        first = self.hub.keep(".gitattributes", b"*.safetensors filter=lfs diff=lfs merge=lfs\n")
        made.commit("initial commit", {".gitattributes": first})
        self.tell({"url": url})

    @route("POST", "/api/validate-yaml")
    def validate(self) -> None:
        """Check that a page has front matter."""
        content = json.loads(self.body)["content"]
        good = re.match(r"---\n.+?\n---\n", content, re.DOTALL)
        self.tell({"errors": [], "warnings": [] if good else [{"message": "no front matter"}]})

    @route("POST", "/api/models/{repo}/preupload/{revision}", writes=True)
    def preupload(self, repo: str, revision: str) -> None:
        """How each file must be uploaded, and its present hash."""
        _, files = self.files(repo, revision)
        told: list[dict[str, Any]] = []
        for path in (file["path"] for file in json.loads(self.body)["files"]):
            mode = "lfs" if is_large(path) else "regular"
            known = {"oid": files[path].etag} if path in files else {}
            told.append({"path": path, "uploadMode": mode, "shouldIgnore": False, **known})
        self.tell({"files": told})

    @route("POST", "/{repo}.git/info/lfs/objects/batch", writes=True)
    def batch(self, repo: str) -> None:
        """Where each large file must be uploaded, unless it already has been."""
        self.repository(repo)
        told: list[dict[str, Any]] = []
        for item in json.loads(self.body)["objects"]:
            digest = item["oid"]
            actions = {
                "upload": {"href": f"{self.elsewhere()}/blob/{digest}"},
                "verify": {"href": f"{self.hub.endpoint}/{repo}.git/info/lfs/verify"},
            }
            told.append(item if digest in self.hub.store else item | {"actions": actions})
        self.tell({"transfer": "basic", "objects": told})

    @route("PUT", "/blob/{digest}")
    def put(self, digest: str) -> None:
        """Receive a large file."""
        if sha256(self.body).hexdigest() != digest:
            raise Refused(400, "", "these bytes have another sha256")
        self.hub.store[digest] = self.body
        self.say(b"")

    @route("POST", "/{repo}.git/info/lfs/verify", writes=True)
    def verify(self, repo: str) -> None:
        """Check that a large file is complete."""
        self.repository(repo)
        asked = json.loads(self.body)
        if len(self.hub.store.get(asked["oid"], b"")) != asked["size"]:
            raise Refused(404, "", "it is not complete")
        self.tell({})

    @route("POST", "/api/models/{repo}/commit/{revision}", writes=True)
    def commit(self, repo: str, revision: str) -> None:
        """Commit the uploaded files: the body is a header, and a line for each change."""
        del revision  # there is one branch
        repository = self.repository(repo)
        header, *changes = [json.loads(line) for line in self.body.splitlines()]
        files = dict(repository.commits[repository.head])
        if self.hub.fault == "meanwhile":
            repository.commit("somebody else's", files)
        if header["value"].get("parentCommit", repository.head) != repository.head:
            raise Refused(412, "", "A commit has happened since. Please refresh and try again.")
        for change in changes:
            kind, value = change["key"], change["value"]
            if kind == "file":
                files[value["path"]] = self.hub.keep("", base64.b64decode(value["content"]))
            elif kind == "lfsFile" and (came := self.hub.came(value["oid"], value["size"])):
                files[value["path"]] = came
            else:
                raise Refused(400, "", f"cannot commit {kind}")
        made = repository.commit(header["value"]["summary"], files)
        url = f"{self.hub.endpoint}/{repo}/commit/{made}"
        self.tell({"success": True, "commitOid": made, "commitUrl": url})

    @route("POST", "/api/models/{repo}/tag/{revision}", writes=True)
    def tag(self, repo: str, revision: str) -> None:
        """A name for a commit."""
        if self.hub.fault == "no tag":
            raise Refused(500)
        commit, _ = self.files(repo, revision)
        tags, name = self.repository(repo).tags, json.loads(self.body)["tag"]
        if name in tags:
            raise Refused(409, "", "Tag already exists")
        tags[name] = commit
        self.say(b"")
