"""Suites: contests written down in YAML, those that come with ganzoo and anybody's own."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganzoo.benchmark.jobs import Contest, crossed, labelled
from ganzoo.errors import OptionError, ZooError
from ganzoo.plugins.registry import strict_yaml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


class Terms(BaseModel):
    """What a suite may say of all its contests, or of the one on some data; see ``Contest``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contenders: list[str] | dict[str, str] | None = None
    grid: dict[str, list[Any]] | None = None
    settings: list[str] = []
    budget: Any = None
    seeds: Any = None
    evaluations: Any = None
    device: Any = None
    threads: Any = None

    def said(self) -> dict[str, Any]:
        """Those that are said."""
        return self.model_dump(exclude_unset=True, exclude={"title", "data"})


class Written(Terms):
    """A suite as it is written: the terms that its contests share, and those of their own."""

    title: str
    data: list[str] | dict[str, Terms | None] = Field(min_length=1)


class Suite(BaseModel):
    """Several contests under one title, named by their data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contests: dict[str, Contest]


def known() -> dict[str, Traversable]:
    """The suites that come with ganzoo, by name."""
    folder = resources.files("ganzoo.benchmark").joinpath("suites")
    files = (file for file in folder.iterdir() if file.name.endswith(".yaml"))
    return {file.name.removesuffix(".yaml"): file for file in sorted(files, key=lambda f: f.name)}


def suite(name: str) -> Suite:
    """A suite by name, or by the path of a ``.yaml``; ZooError says what is wrong with it."""
    if name.endswith((".yaml", ".yml")):
        path: Traversable = Path(name)
    elif name in known():
        path = known()[name]
    else:
        close = difflib.get_close_matches(name, known(), n=1)
        meant = f"; did you mean '{close[0]}'?" if close else "."
        message = f"no suite '{name}'{meant} Known: {', '.join(known())}; or give a .yaml file."
        raise ZooError(message)
    try:
        fields = strict_yaml(path.read_text(encoding="utf-8"))
        return parsed(fields)
    except OSError as error:
        message = f"suite {name} cannot be read: {error.strerror}."
    except yaml.YAMLError as error:
        told = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        message = f"suite {name} is no YAML: {told}."
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(key) for key in first["loc"])
        message = f"suite {name}: {where}: {first['msg']}."
    except (ValueError, OptionError) as error:
        message = f"suite {name}: {str(error).rstrip('.')}."
    raise ZooError(message)


def parsed(fields: Any) -> Suite:
    """A suite from its fields: ``title``, ``data``, and the terms that all contests share.

    ``data`` is a list of datasets, or a mapping from each to terms of its own. ``contenders`` is a
    list as on the command line, or a mapping from labels; ``grid`` crosses them with choices.
    """
    if not isinstance(fields, dict) or "title" not in fields or "data" not in fields:
        message = "it needs a title, data and contenders"
        raise ValueError(message)
    written = Written.model_validate(fields)
    given = written.data if isinstance(written.data, dict) else dict.fromkeys(written.data)
    contests = {}
    for name, terms in given.items():
        own = terms or Terms()
        settings = [*written.settings, *own.settings]
        named = {"title": written.title, "data": name, "settings": settings}
        contests[name] = contest({**written.said(), **own.said(), **named})
    return Suite(contests=contests)


def contest(fields: dict[str, Any]) -> Contest:
    """One contest from the terms of a suite."""
    fields = dict(fields)
    contenders, grid = fields.get("contenders"), fields.pop("grid", None)
    if isinstance(contenders, list):
        fields["contenders"] = labelled(crossed(contenders, grid or {}))
    elif grid is not None:
        message = "a grid crosses a list of contenders, not labelled ones"
        raise ValueError(message)
    return Contest.model_validate(fields)
