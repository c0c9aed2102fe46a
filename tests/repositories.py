"""The content of a Hub: repositories as commits of files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from typing import Any


def git_id(blob: bytes) -> str:
    """The id of these bytes in git."""
    return sha1(b"blob %d\0" % len(blob) + blob).hexdigest()


@dataclass(frozen=True)
class File:
    """A file as a commit describes it; of a large one git stores only a pointer."""

    sha256: str
    size: int
    git_id: str
    large: bool
    xet: str = ""

    @classmethod
    def plain(cls, blob: bytes) -> File:
        """A file whose bytes git stores."""
        return cls(sha256(blob).hexdigest(), len(blob), git_id(blob), large=False)

    @classmethod
    def pointed(cls, digest: str, size: int, xet: str = "") -> File:
        """A large file, stored elsewhere."""
        return cls(digest, size, git_id(pointer(digest, size)), large=True, xet=xet)

    @property
    def etag(self) -> str:
        """The hash that the Hub states."""
        return self.sha256 if self.large else self.git_id

    def listed(self, path: str) -> dict[str, Any]:
        """The file as an item of a listing."""
        item: dict[str, Any] = {"type": "file", "path": path, "size": self.size, "oid": self.git_id}
        if self.large:
            size = len(pointer(self.sha256, self.size))
            item["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": size}
        if self.xet:
            item["xetHash"] = self.xet
        return item


def pointer(digest: str, size: int) -> bytes:
    """The pointer that git stores for a large file."""
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size}\n"
    return text.encode()


def is_large(path: str) -> bool:
    """Whether the Hub stores a file as a large one."""
    return path.endswith((".safetensors", ".bin"))


@dataclass
class Repository:
    """Commits by id, the newest one's id, and tags."""

    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    head: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    def resolve(self, revision: str) -> str:
        """The commit of 'main', of a tag, or of a commit's own id; "" if there is none."""
        found = self.head if revision == "main" else self.tags.get(revision, revision)
        return found if found in self.commits else ""

    def commit(self, title: str, files: dict[str, File]) -> str:
        """Make these files the newest commit; returns its id."""
        state = [self.head, title, sorted((path, file.git_id) for path, file in files.items())]
        self.head = sha1(json.dumps(state).encode()).hexdigest()
        self.commits[self.head] = files
        return self.head
