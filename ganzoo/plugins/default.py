"""The zoo of the installed plugins."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import entry_points

from ganzoo.errors import OptionError, UnknownNameError, quoted
from ganzoo.plugins.zoo import GROUP, Zoo


@cache
def default_zoo() -> Zoo:
    """The zoo of all installed plugins, loaded once.

    The environment variable GANZOO_PLUGINS limits it to some: plugin names separated by commas,
    empty for none. Raises UnknownNameError if it names one that is not installed.
    """
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    wanted = os.environ.get("GANZOO_PLUGINS")
    if wanted is not None:
        names = {name.strip() for name in wanted.split(",")} - {""}
        missing = sorted(names - {point.name for point in points})
        if missing:
            message = (
                f"GANZOO_PLUGINS names '{missing[0]}', which is not installed; "
                f"installed plugins: {', '.join(point.name for point in points) or 'none'}."
            )
            raise UnknownNameError(message)
        points = [point for point in points if point.name in names]
    return Zoo(points)


def chosen_zoo(zoo: Zoo | None) -> Zoo:
    """The zoo that a call was given, or else that of the installed plugins.

    Raises OptionError for what is no zoo.
    """
    if zoo is None:
        return default_zoo()
    if not isinstance(zoo, Zoo):
        message = f"zoo cannot be {quoted(zoo)}; it must be a ganzoo.Zoo, or None."
        raise OptionError(message)
    return zoo
