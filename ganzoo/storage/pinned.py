"""A file of any repository on the Hub, pinned by its commit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganzoo.errors import WeightsError

if TYPE_CHECKING:
    from ganzoo.storage.hub import Client

NAME = r"\w(?:[\w.-]*\w)?"
SPELLING = re.compile(
    rf"(?=[^@]{{1,96}}@)(?![^@]*(?:\.\.|--))({NAME}/{NAME})"  # as the Hub names repositories
    r"@([0-9a-f]{40})#([\w.-]+\.safetensors)",
    re.ASCII,
)


@dataclass(frozen=True)
class Pinned:
    """One file of a repository at a commit, checked by the sha256 that the Hub states."""

    name: str
    repo: str
    revision: str
    path: str
    client: Client

    @property
    def model(self) -> None:
        """No registry describes it."""

    @property
    def players(self) -> tuple[str, ...]:
        """Whose networks there are: one file is one network, and it must be the generator's."""
        return ("generator",)

    def read(self, player: str) -> bytes | None:
        """The file's bytes for the generator, None for any other player. Raises WeightsError."""
        if player not in self.players:
            return None
        return self.client.pinned(self.name, self.repo, self.revision, self.path)


def pinned(name: str, rest: str, client: Client) -> Pinned:
    """The file that ``rest``, ``org/repo@COMMIT#FILE`` with a whole commit, refers to.

    Raises WeightsError, in which ``name`` is the whole of what the user wrote, for other spellings.
    """
    found = SPELLING.fullmatch(rest)
    if found is None:
        message = (
            f"'{name}' does not name a file at a commit; write hub:org/repo@COMMIT#FILE with the "
            "40 hexadecimal digits of a commit and the name of a .safetensors file."
        )
        raise WeightsError(message)
    repo, revision, path = found.groups()
    return Pinned(name, repo, revision, path, client)
