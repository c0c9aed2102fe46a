"""Writing a model's entry into the registry.yaml of this checkout, with its comments kept.

Only maintainers need that, so ruamel.yaml, which does it, is in the ``dev`` extra.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from ganzoo.plugins.registry import registry
from ganzoo.storage.files import replacing

if TYPE_CHECKING:
    from ganzoo.plugins.registry import Model


def register(model: Model) -> None:
    """Write a model's entry into registry.yaml; every other line stays as it was."""
    path = Path(str(resources.files("ganzoo.plugins").joinpath("registry.yaml")))
    yaml = round_trip()
    document = yaml.load(path)
    entry = document["weights"].setdefault(model.name, CommentedMap())
    for field, value in model.model_dump(mode="json", exclude={"name"}).items():
        if field not in entry or entry[field] != value:  # an equal one keeps its comments
            entry[field] = value
    with replacing(path) as temporary:
        yaml.dump(document, temporary)
    registry.cache_clear()


def round_trip() -> YAML:
    """A YAML reader and writer that gives a file of the registry's style back byte for byte."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # a long line is not broken, so that a change of one word is a diff of one
    yaml.representer.add_representer(type(None), _null)
    return yaml


def _null(representer: Any, _: None) -> Any:
    # ruamel writes nothing at all for None, which a reader of `revision:` takes for a mistake.
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")
