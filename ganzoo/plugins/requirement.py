"""Which version of the core a plugin was written for, read from its distribution's metadata."""

from __future__ import annotations

from importlib.metadata import Distribution

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ganzoo._version import __version__

CORE = "ganzoo-core"


def unmet(distribution: Distribution, running: str = __version__) -> str | None:
    """The requirement on ganzoo-core that the running version does not meet, or None.

    Nothing checks this after pip: upgrading the core alone leaves an old plugin in place, whose
    first failure could be any AttributeError in the middle of training.
    """
    for text in distribution.requires or ():
        try:
            required = Requirement(text)
        except InvalidRequirement:
            continue  # metadata from before PEP 508 says nothing that can be checked
        if canonicalize_name(required.name) != CORE:
            continue
        if required.marker is not None and not required.marker.evaluate({"extra": ""}):
            continue
        if not required.specifier.contains(running, prereleases=True):
            bounds = sorted(map(str, required.specifier), reverse=True)  # >=0.2 before <0.3
            return f"{CORE} {','.join(bounds)}"
    return None
