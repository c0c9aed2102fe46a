"""Installing plugins by their names in the registry."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from ganzoo.errors import ZooError, without_secrets
from ganzoo.parts.arguments import check_arguments
from ganzoo.plugins.registry import registry
from ganzoo.storage.paths import given_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def installed_version(distribution: str) -> str | None:
    """The version of a distribution in this environment, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def install(
    names: str | Iterable[str], *, find_links: str | Path | None = None, quiet: bool = False
) -> list[str]:
    """Install plugins by their registry names into this environment; returns pip's requirements.

    Only distributions of the registry are installed, at its versions and from wheels, so that no
    code runs during installation. ``find_links`` is a folder of wheels to use instead of the
    package index. Raises UnknownNameError for an unknown name, and ZooError with pip's last line
    if pip fails.
    """
    check_arguments(names=names, find_links=find_links)
    named = [names] if isinstance(names, str) else [*names]
    for name in named:
        check_arguments(name=name)
    listings = [registry().listing(name) for name in named]
    wanted = [f"{listing.distribution}=={listing.version}" for listing in listings]
    command = [sys.executable, "-m", "pip", "install", "--only-binary", ":all:"]
    if find_links is not None:
        command += ["--no-index", "--find-links", str(given_path(find_links))]
    # Pinned to what is installed: adding a plugin must not exchange a CUDA build of torch.
    for pinned in ("torch", "ganzoo-core"):
        version = installed_version(pinned)
        if version is not None:
            command.append(f"{pinned}=={version}")
    done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        last = without_secrets(last.removeprefix("ERROR: "))
        message = f"pip could not install {', '.join(wanted)}: {last}"
        raise ZooError(message)
    if not quiet:
        sys.stderr.write(done.stdout)
    return wanted


def listings() -> list[dict[str, Any]]:
    """Every known plugin, with the version that is installed here, or None."""
    return [
        {
            "plugin": name,
            "distribution": listing.distribution,
            "installed": installed_version(listing.distribution),
            "title": listing.title,
        }
        for name, listing in registry().plugins.items()
    ]
