"""Suites: contests written in YAML, shipped with ganzoo or by anyone."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganzoo.benchmark.contenders import MOST_CONTENDERS, crossed, labelled
from ganzoo.benchmark.jobs import Contest
from ganzoo.errors import OptionError, ZooError
from ganzoo.storage.reading import KIB, read_text
from ganzoo.storage.strict_yaml import strict_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable


MOST_DATASETS = 100
"""Of one suite."""
MOST = 256 * KIB
"""The largest file of a suite; a shipped one has 2 KiB."""


class Terms(BaseModel):
    """The terms of all contests of a suite, or of one of them; see ``Contest``.

    ``data`` is the dataset of a contest that is not called by it, as of two on the same data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Any = None
    contenders: list[str] | dict[str, str] | None = None
    grid: dict[str, list[Any]] | None = None
    settings: list[str] = []
    budget: Any = None
    seeds: Any = None
    evaluations: Any = None
    device: Any = None
    threads: Any = None

    def given(self) -> dict[str, Any]:
        """The terms that are written down."""
        return self.model_dump(exclude_unset=True, exclude={"title", "data"})


class SuiteFile(Terms):
    """A suite as written: the terms its contests share, and the terms of each one's own."""

    title: str
    data: list[str] | dict[str, Terms | None] = Field(min_length=1, max_length=MOST_DATASETS)


def known_suites() -> dict[str, Traversable]:
    """The suites shipped with ganzoo, by name."""
    folder = resources.files("ganzoo.benchmark").joinpath("suites")
    files = (file for file in folder.iterdir() if file.name.endswith(".yaml"))
    return {file.name.removesuffix(".yaml"): file for file in sorted(files, key=lambda f: f.name)}


def suite_contests(
    name: str,
    terms: Mapping[str, Any],
    *,
    data: str | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> dict[str, Contest]:
    """The contests of a suite by dataset; if only one is left, it is named ``""``.

    ``data`` chooses one of them. ``terms`` override the suite's terms, which override
    ``defaults``; settings among them are added to the suite's. Raises ZooError as ``load_suite``
    does, and OptionError for ``data`` that the suite does not have.
    """
    suite = load_suite(name)
    if data is not None and data not in suite:
        message = f"suite '{name}' has no contest on '{data}', only on {', '.join(suite)}."
        raise OptionError(message)
    made = {}
    for key, contest in suite.items():
        if data in {None, key}:
            own = contest.model_dump(exclude_unset=True)
            settings = (*contest.settings, *terms.get("settings", ()))
            made[key] = Contest.of({**(defaults or {}), **own, **terms, "settings": settings})
    return made if len(made) > 1 else {"": next(iter(made.values()))}


def load_suite(name: str) -> dict[str, Contest]:
    """The contests of a suite by dataset, from its name or the path of a ``.yaml`` file.

    Raises ZooError, in one sentence, if it does not exist or something in it is wrong.
    """
    known = known_suites()
    if name not in known and not name.endswith((".yaml", ".yml")):
        close = difflib.get_close_matches(name, known, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else "."
        message = f"no suite '{name}'{meant} Known: {', '.join(known)}; or give a .yaml file."
        raise ZooError(message)
    try:
        shipped = known.get(name)
        text = read_text(Path(name), MOST) if shipped is None else shipped.read_text("utf-8")
        return parsed(strict_yaml(text))
    except OSError as error:
        message = f"suite {name} cannot be read: {error.strerror}."
    except yaml.YAMLError as error:
        what = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        message = f"suite {name} is not valid YAML: {what}."
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(key) for key in first["loc"])
        message = f"suite {name}: {where}: {first['msg']}."
    except (ValueError, OptionError) as error:
        message = f"suite {name}: {str(error).rstrip('.')}."
    raise ZooError(message)


def parsed(fields: Any) -> dict[str, Contest]:
    """The contests of a suite from its YAML fields: ``title``, ``data`` and the shared terms.

    ``data`` is a list of datasets, or a mapping from each, or from a name of a contest, to terms of
    its own. ``contenders`` is a list, written as on the command line, or a mapping from labels. A
    ``grid`` crosses the list with choices.
    """
    if not isinstance(fields, dict) or "title" not in fields or "data" not in fields:
        message = "it needs a title, data and contenders"
        raise ValueError(message)
    suite = SuiteFile.model_validate(fields)
    data = suite.data if isinstance(suite.data, dict) else dict.fromkeys(suite.data)
    contests = {}
    for name, terms in data.items():
        own = terms or Terms()
        settings = [*suite.settings, *own.settings]
        named: dict[str, Any] = {"title": suite.title, "data": name, "settings": settings}
        if own.data is not None:
            named |= {"data": own.data, "part": name}
        contests[name] = Contest.model_validate(
            with_labels({**suite.given(), **own.given(), **named})
        )
        if sum(len(contest.contenders) for contest in contests.values()) > MOST_CONTENDERS:
            message = f"it has more than {MOST_CONTENDERS:,} contenders, counted on all of its data"
            raise ValueError(message)
    return contests


def with_labels(terms: dict[str, Any]) -> dict[str, Any]:
    """The terms of one contest with its contenders crossed with its grid and by label."""
    others = {name: value for name, value in terms.items() if name != "grid"}
    contenders, grid = terms.get("contenders"), terms.get("grid")
    if isinstance(contenders, list):
        return {**others, "contenders": labelled(crossed(contenders, grid or {}))}
    if grid is not None:
        message = "a grid needs contenders in a list, not by label"
        raise ValueError(message)
    return others
