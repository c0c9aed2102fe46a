"""Checks of an installation, one by one and without a network.

``clash`` runs before every command, so that ganzoo's own modules are imported inside functions: for
start-up time, and because the import of a broken package would fail before the advice is printed.
"""

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
    """The result of one check; ``fault`` says what is wrong and how to fix it, if anything is."""

    what: str
    found: str
    fault: str = ""


def findings() -> Iterator[Finding]:
    """Check Python, torch, the package's name, every plugin, and every embedded weight file."""
    yield Finding("python", sys.version.split()[0])
    for name in ("torch", "ganzoo-core"):
        yield Finding(name, importlib.metadata.version(name))
    yield Finding("the name ganzoo", "ours alone" if clash() is None else "taken", clash() or "")
    yield from plugins()
    yield from weights()


def clash() -> str | None:
    """What to do if an unrelated project, also named ganzoo, is installed or was; else None."""
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
    """Whether ganzoo/__init__.py is this project's; otherwise only this advice can be given."""
    return hasattr(importlib.import_module("ganzoo"), "hookimpl")


def plugins() -> Iterator[Finding]:
    """The version and the faults of each plugin."""
    import typer

    from ganzoo.plugins.default import default_zoo

    zoo = default_zoo()
    zoo.add_commands(typer.Typer())  # so that their faults are known
    for loaded in zoo.plugins:
        fault = " ".join(map(str, loaded.faults))
        yield Finding(f"plugin {loaded.origin.plugin}", str(loaded.origin), fault)


def weights() -> Iterator[Finding]:
    """The sha256 of each embedded weight file of an installed plugin."""
    from ganzoo.plugins.default import default_zoo
    from ganzoo.plugins.sources import known_models
    from ganzoo.pretrained.verify import verify
    from ganzoo.storage.hub import Client

    zoo = default_zoo()
    for file in verify(known_models(zoo), Client(offline=True), zoo):
        if file.where == "embedded":
            found = f"{file.path}, sha256 {file.sha256[:12]}"
            yield Finding(f"weights {file.model}", found, file.fault)
