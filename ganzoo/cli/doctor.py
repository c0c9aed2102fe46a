"""What could be wrong with an installation, looked at one by one; nothing is asked of a network."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``fault`` says what is wrong with it and how to mend it."""

    what: str
    found: str
    fault: str = ""


def findings() -> Iterator[Finding]:
    """Python and torch, the name's clash, every plugin, and every embedded weight file."""
    yield Finding("python", sys.version.split()[0])
    for name in ("torch", "ganzoo-core"):
        yield Finding(name, importlib.metadata.version(name))
    yield Finding("the name ganzoo", "ours alone" if clash() is None else "taken", clash() or "")
    yield from plugins()
    yield from weights()


def clash() -> str | None:
    """What to do where the unrelated project named ganzoo is installed, or has left its trace."""
    reinstall = "'pip install --force-reinstall --no-deps ganzoo-core'"
    try:
        importlib.metadata.distribution("ganzoo")
    except importlib.metadata.PackageNotFoundError:
        if intact():
            return None
        return (
            "ganzoo/__init__.py is missing or another project's, as after the project named ganzoo "
            f"is uninstalled: run {reinstall}."
        )
    return (
        "another project named ganzoo is installed and overwrites this one: "
        f"run 'pip uninstall ganzoo', then {reinstall}."
    )


def intact() -> bool:
    """Whether ganzoo/__init__.py is ours, so that anything but this advice can work."""
    return hasattr(importlib.import_module("ganzoo"), "hookimpl")


def plugins() -> Iterator[Finding]:
    """Each plugin's version, and its faults."""
    from ganzoo.plugins.default import default_zoo

    for loaded in default_zoo().plugins:
        fault = " ".join(map(str, loaded.faults))
        yield Finding(f"plugin {loaded.origin.plugin}", str(loaded.origin), fault)


def weights() -> Iterator[Finding]:
    """Each embedded weight file of an installed plugin, by its sha256."""
    from ganzoo.plugins.default import default_zoo
    from ganzoo.pretrained.verify import everything, verify
    from ganzoo.storage.hub import Client

    zoo = default_zoo()
    for copy in verify(everything(zoo), Client(offline=True), zoo):
        if copy.where == "embedded":
            found = f"{copy.path}, sha256 {copy.sha256[:12]}"
            yield Finding(f"weights {copy.model}", found, copy.fault)
