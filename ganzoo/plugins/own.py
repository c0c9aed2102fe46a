"""Parts of one's own: given from Python, and offered by no plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.errors import OptionError, quoted
from ganzoo.plugins.loading import Origin
from ganzoo.plugins.offers import BASES, NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OWN = Origin("own", "this program", "")
"""Where parts come from that Python gave."""


def not_offered(
    named: Mapping[str, Mapping[str, list[tuple[Any, Origin]]]], parts: Iterable[Any]
) -> dict[str, list[Any]]:
    """By kind, those classes of parts that are not among the ``named`` ones of a zoo.

    Raises OptionError for a part whose name is another's, and for what is no class of a part.
    """
    own: dict[str, list[Any]] = {}
    kinds = [(part, kind_of(part)) for part in parts]
    for part, kind in dict.fromkeys(kinds):
        offers = named[kind].get(part.name, [])
        if any(offered is part for offered, _ in offers):
            continue
        where = f"{part.__module__}.{part.__qualname__}"
        if NAME.fullmatch(part.name) is None:
            message = f"{where} has the name '{part.name}'; write it in kebab-case, as 'my-loss'."
            raise OptionError(message)
        taken = [str(origin) for _, origin in offers if origin != OWN]
        taken += [str(OWN) for other in own.get(kind, []) if other.name == part.name]
        if taken:
            message = (
                f"{where} has the name of another {kind}, '{part.name}' of {taken[0]}; give the "
                f"class a name of its own, as in name = 'my-{part.name}'."
            )
            raise OptionError(message)
        own.setdefault(kind, []).append(part)
    return own


def kind_of(part: Any) -> str:
    """The kind that a class of a part is of. Raises OptionError for anything else."""
    kind: str = getattr(part, "kind", "")
    if not isinstance(part, type) or not issubclass(part, BASES.get(kind, ())):
        message = f"{quoted(part)} is no class of a part; give classes, as in with_parts(MyLoss)."
        raise OptionError(message)
    return kind
