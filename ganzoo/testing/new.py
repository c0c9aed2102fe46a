"""A new plugin, written from the templates in ``template/``: it installs and conforms as it is."""

from __future__ import annotations

import shutil
import tempfile
from importlib import resources
from importlib.metadata import entry_points
from pathlib import Path
from string import Template

from packaging.version import Version

from ganzoo._version import __version__
from ganzoo.errors import ZooError
from ganzoo.parts.part import kebab_case
from ganzoo.plugins.default import default_zoo
from ganzoo.plugins.offers import NAME
from ganzoo.plugins.registry import registry
from ganzoo.plugins.zoo import CORE, GROUP
from ganzoo.storage.paths import given_path
from ganzoo.testing.plugin import PREFIX

FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "module.py.txt": "$module.py",
    "test.py.txt": "tests/test_$identifier.py",
    "test.yml.txt": ".github/workflows/test.yml",
}
"""Each template, and the file that is written from it."""


def new_plugin(name: str, where: str | Path = ".") -> Path:
    """Write the plugin ``name`` to the new folder ``where/ganzoo-NAME``, and return the folder.

    It has one module with an architecture, a loss and a variant that trains on points, a
    pyproject.toml, a README, a test and a workflow for GitHub. ``where`` must exist. Raises
    ZooError for a name that is not kebab-case or is taken, and where there is such a folder.
    """
    refuse(name)
    folder = given_path(where) / f"{PREFIX}{name}"
    if folder.exists() or folder.is_symlink():
        message = f"{folder} is there already; choose another name, or remove it."
        raise ZooError(message)
    words = words_of(name)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=where))
    try:
        for template, target in FILES.items():
            source = resources.files("ganzoo.testing").joinpath("template", template)
            path = made / "plugin" / Template(target).substitute(words)
            path.parent.mkdir(parents=True, exist_ok=True)
            text = Template(source.read_text(encoding="utf-8")).substitute(words)
            path.write_text(text, encoding="utf-8")
        (made / "plugin").rename(folder)  # whole or not at all
    finally:
        shutil.rmtree(made)
    return folder


def words_of(name: str) -> dict[str, str]:
    """What stands in the templates for each of their words."""
    identifier = name.replace("-", "_")
    title = "".join(word.capitalize() for word in name.split("-"))
    core = Version(__version__)
    return {
        "name": name,
        "identifier": identifier,
        "module": f"ganzoo_{identifier}",
        "title": title,
        "architecture": kebab_case(f"{title}Mlp"),
        "loss": kebab_case(f"{title}Loss"),
        # The minor version is the level that a plugin names.
        "core": f">={core.major}.{core.minor},<{core.major}.{core.minor + 1}",
    }


def refuse(name: str) -> None:
    """Raise ZooError unless a new plugin, and its variant, can have this name."""
    if NAME.fullmatch(name) is None or not name[0].isalpha():
        message = (
            f"a plugin cannot be named '{name}'; write lower-case letters, digits and hyphens, a "
            "letter first, as in 'my-gan'."
        )
        raise ZooError(message)
    if name.startswith(PREFIX):
        message = (
            f"'{PREFIX}' is put before the name: run 'ganzoo new {name.removeprefix(PREFIX)}'."
        )
        raise ZooError(message)
    known = registry().plugins
    installed = [CORE.name, *(point.name for point in entry_points(group=GROUP))]
    registered = [variant for listing in known.values() for variant in listing.variants]
    taken = {"plugin": {*installed, *known}, "variant": {*default_zoo().variants, *registered}}
    for kind, names in taken.items():
        if name in names:
            message = f"there is a {kind} '{name}' already; choose another name."
            raise ZooError(message)
