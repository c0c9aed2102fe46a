"""A composition: a variant, parts of it replaced by others of any plugin, and its data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError, OptionError
from ganzoo.parts.needs import RESERVED
from ganzoo.plugins.default import default_zoo

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

    from ganzoo.parts.dataset import Data, Dataset
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo


GIVEN = "given"
"""The dataset that stands for data that were given from Python."""


class Choices(TypedDict, total=False):
    """What a composition has in place of a variant's own; all of it by name, as in ``Zoo.compose``.

    ``data`` is ``NAME`` or ``NAME:VALUE``, or data themselves: a tensor, an array, a dict of
    columns, a map-style torch Dataset or a ``Data`` (see ``given.data_from``). ``settings`` are
    ``PART.OPTION=VALUE``, those of the data ``data.OPTION=VALUE``.
    """

    data: object
    architecture: str | None
    loss: str | None
    regularizers: Iterable[str] | None
    sampler: str | None
    optimizer: str | None
    settings: Iterable[str]


@dataclass(frozen=True)
class Composition:
    """A variant and the dataset that it plays on, with the zoo that their parts are of."""

    variant: Variant
    dataset: Dataset
    zoo: Zoo
    loaded: Data | None = field(default=None, repr=False, compare=False)
    """The dataset's rows, if they are loaded already."""

    @cached_property
    def data(self) -> Data:
        """The dataset, loaded once, when it is first needed. Raises DataError."""
        return self.dataset.load() if self.loaded is None else self.loaded

    def game(self, *, seed: int = 0, device: str | torch.device = "cpu") -> Game:
        """The composition set up for training.

        Raises ComposeError where its parts do not fit each other; the sentence names installed
        parts that would.
        """
        try:
            return Game(self.variant, self.data, seed=seed, device=device)
        except ComposeError as error:
            if error.missing is None:
                raise
            raise ComposeError(f"{error}{remedy(self.zoo, *error.missing)}") from error  # noqa: EM102


def compose(
    variant: str | Variant | Composition, *, zoo: Zoo | None = None, **choices: Unpack[Choices]
) -> Composition:
    """A composition of a variant by name, any of its parts replaced; see ``Choices``.

    What is composed already is returned as it is. Raises ZooError for unknown names and options.
    """
    if isinstance(variant, Composition):
        chosen = [name for name, choice in choices.items() if choice is not None]
        if chosen not in ([], ["settings"]) or choices.get("settings"):
            message = (
                f"'{variant.variant.name}' is composed already; choose its parts in compose()."
            )
            raise OptionError(message)
        return variant
    zoo = zoo or default_zoo()
    parts: Any = {name: choice for name, choice in choices.items() if name != "data"}
    parts["settings"] = settings = tuple(parts.get("settings") or ())
    composed = zoo.compose(variant, **parts)
    data = choices.get("data")
    if data is None or isinstance(data, str):
        return Composition(composed, zoo.dataset(data or composed.data, settings), zoo)
    kind: Any = zoo.find("dataset", GIVEN)
    loaded = kind.of(data)
    return Composition(composed, kind(sha256=loaded.sha256), zoo, loaded)


def remedy(zoo: Zoo, kind: str, name: str) -> str:
    """Where a missing value is to be had: the installed parts that offer it, as a sentence."""
    value = name[len(RESERVED[0]) :] if name.startswith(RESERVED) else name
    found = [
        f"{part.name} ({zoo.origin(part).distribution})"
        for part in zoo.parts(kind).values()
        if value in getattr(part, "deals", ()) or value in getattr(part, "heads", ())
    ]
    if not found:
        return ""
    verb = {"sampler": "deal", "architecture": "have the head", "dataset": "have"}[kind]
    return f" {kind.capitalize()}s that {verb} '{value}': {', '.join(sorted(found))}."
