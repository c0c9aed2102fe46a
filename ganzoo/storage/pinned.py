"""A file of any repository on the Hub, pinned by its commit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ganzoo.errors import WeightsError
from ganzoo.plugins.registry import Model

if TYPE_CHECKING:
    from ganzoo.parts.part import Player
    from ganzoo.storage.hub import Client


@dataclass(frozen=True)
class Pinned:
    """Files of any repository at a commit, as the Hub itself vouches for them."""

    name: str
    repo: str
    revision: str
    path: str
    client: Client
    model: Model | None = field(default=None)

    def read(self, role: Player) -> bytes | None:
        """The one file that was named; it holds a generator."""
        if role != "generator":
            return None
        return self.client.pinned(self.name, self.repo, self.revision, self.path)


def pinned(name: str, rest: str, client: Client) -> Pinned:
    """``org/repo@COMMIT#FILE``, with a whole commit."""
    found = re.fullmatch(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})#([\w.-]+\.safetensors)", rest)
    if found is None:
        message = (
            f"'{name}' does not say which bytes it means; write hub:org/repo@COMMIT#FILE with the "
            "40 hexadecimal digits of a commit and the name of a .safetensors file."
        )
        raise WeightsError(message)
    repo, revision, path = found.groups()
    return Pinned(name, repo, revision, path, client)
