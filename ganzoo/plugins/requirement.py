"""What a plugin requires, read from its distribution's metadata, and what of it is not there."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, version
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from ganzoo._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

CORE = "ganzoo-core"


@dataclass(frozen=True, slots=True)
class Need:
    """A requirement that is not met, and what to do; continues "plugin NAME needs"."""

    text: str
    of_core: bool = False


def unmet(distribution: Distribution, running: str = __version__) -> Iterator[Need]:
    """The requirements that are not met by the ``running`` core and what is installed.

    Nothing checks this after pip: upgrading the core alone leaves an old plugin in place, whose
    first failure could be any AttributeError in the middle of training.
    """
    for text in distribution.requires or ():
        try:
            required = Requirement(text)
            # Extras are for those who ask for them; nobody knows whether they did.
            if required.marker is not None and not required.marker.evaluate({"extra": ""}):
                continue
            there = installed(required.name, running)
            if there is not None and required.specifier.contains(there, prereleases=True):
                continue
        except (InvalidRequirement, InvalidVersion):
            continue  # metadata from before PEP 508 says nothing that can be checked
        name = canonicalize_name(required.name)
        bounds = ",".join(sorted(map(str, required.specifier), reverse=True))  # >=0.2 before <0.3
        wanted = f"{name} {bounds}".strip()
        if name == CORE:
            yield Need(f"{wanted}, and this is {running}: upgrade one of the two.", of_core=True)
        elif there is None:
            command = f"pip install '{name}{bounds}'"
            yield Need(f'{wanted}, which is not installed: run "{command}".')
        else:
            yield Need(f"{wanted}, and {there} is installed: upgrade one of the two.")


def installed(name: str, running: str) -> str | None:
    """The version of a distribution that is there, or None; of the core, the running one."""
    if canonicalize_name(name) == CORE:
        return running
    try:
        return version(name)
    except PackageNotFoundError:
        return None
