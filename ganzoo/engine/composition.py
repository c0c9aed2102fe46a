"""A composition: a variant, parts of it replaced by others of any plugin, and its data."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict, TypeGuard, Unpack

from ganzoo.engine.game import Game
from ganzoo.engine.ranks import ALONE, Ranks
from ganzoo.errors import ComposeError, DataError, OptionError, ZooError, first_line, in_words
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.needs import RESERVED
from ganzoo.parts.variant import Variant
from ganzoo.plugins.composing import classes_in, is_of_data, no_argument, one_or_more, written
from ganzoo.plugins.default import chosen_zoo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import torch

    from ganzoo.plugins.composing import Chosen, Settings
    from ganzoo.plugins.zoo import Zoo


GIVEN = "given"
"""The dataset that stands for data that were given from Python."""


class Choices(TypedDict, total=False):
    """What a composition has in place of a variant's own.

    A part is its name, the part itself (``Hinge()``), or its class; it may be one's own, which no
    plugin offers. ``data`` is ``NAME`` or ``NAME:VALUE``, a ``Dataset``, or data themselves: a
    tensor, an array, a dict of columns, a map-style torch Dataset or a ``Data`` (see
    ``given.data_from``). ``settings`` are ``PART.OPTION=VALUE``, or a dict of values by path, such
    as ``{"architecture.width": 64}``, which may be nested; those of the data are ``data.OPTION``.
    """

    data: object
    architecture: Chosen | None
    loss: Chosen | None
    regularizers: Chosen | Iterable[Chosen] | None
    sampler: Chosen | None
    optimizer: Chosen | None
    settings: Settings | None


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
        return loaded(self.dataset) if self.loaded is None else self.loaded

    def game(
        self, *, seed: int = 0, device: str | torch.device = "cpu", ranks: Ranks = ALONE
    ) -> Game:
        """The composition set up for training, by one process or by several ranks.

        Raises ComposeError where its parts do not fit each other; the sentence names installed
        parts that would.
        """
        try:
            return Game(self.variant, self.data, seed=seed, device=device, ranks=ranks)
        except ComposeError as error:
            if error.missing is None:
                raise
            raise ComposeError(f"{error}{remedy(self.zoo, *error.missing)}") from error  # noqa: EM102


def loaded(dataset: Dataset) -> Data:
    """A dataset's data. Raises DataError where it cannot load them, or loads something else."""
    who = f"dataset '{dataset.name}'"
    try:
        found: object = dataset.load()
    except ZooError:
        raise
    except Exception as error:
        message = f"{who} cannot be loaded: {first_line(error)}"
        raise DataError(message) from error
    if not isinstance(found, Data):
        message = f"{who} loads {in_words(found)}; it must be a ganzoo.Data."
        raise DataError(message)
    return found


def compose(
    variant: str | Variant | Composition, *, zoo: Zoo | None = None, **choices: Unpack[Choices]
) -> Composition:
    """A composition of a variant by name, any of its parts replaced; see ``Choices``.

    What is composed already is returned as it is. Raises ZooError for unknown names and options.
    """
    zoo = chosen_zoo(zoo)
    choices = checked_choices(compose, variant, choices, zoo)
    if isinstance(variant, Composition):
        chosen = {name for name, choice in choices.items() if choice is not None}
        if chosen - {"settings"} or choices.get("settings"):
            message = (
                f"'{variant.variant.name}' is composed already; choose its parts in compose()."
            )
            raise OptionError(message)
        return variant
    zoo = knowing(zoo, variant, choices)
    data, settings = choices.get("data"), written(choices.get("settings"))
    parts: Any = {name: choice for name, choice in choices.items() if name != "data"}
    composed = zoo.compose(variant, **{**parts, "settings": settings})
    if data is None or isinstance(data, str):
        return Composition(composed, zoo.dataset(data or composed.data, settings), zoo)
    if is_dataset(data):
        return Composition(composed, as_dataset(data, settings, zoo), zoo)
    of_data = next(filter(is_of_data, settings), None)
    if of_data is not None:
        message = f"'{of_data}' is an option of a dataset by name; the data given have none."
        raise OptionError(message)
    kind: Any = zoo.find("dataset", GIVEN)
    loaded = kind.of(data)
    return Composition(composed, kind(sha256=loaded.sha256), zoo, loaded)


def checked_choices(
    function: Callable[..., Any],
    variant: str | Variant | Composition | None,
    choices: Choices,
    zoo: Zoo,
) -> Choices:
    """Choices that can be read twice. Raises OptionError for what is none of the function's."""
    own = [name for name in inspect.signature(function).parameters if name != "choices"]
    known = [*Choices.__annotations__, *own]
    for name, value in choices.items():
        if name not in known:
            of = variant.variant if isinstance(variant, Composition) else variant
            raise no_argument(name, value, known, of if of is None else zoo.compose(of))
    series = {
        name: value if isinstance(value, Mapping) else one_or_more(value)
        for name, value in choices.items()
        if name in {"regularizers", "settings"} and value is not None
    }
    return Choices(**{**choices, **series})  # type: ignore[typeddict-item]


def knowing(zoo: Zoo, variant: object, choices: Choices) -> Zoo:
    """A zoo that also has the parts that Python gives and no plugin offers."""
    if isinstance(variant, Composition):
        return variant.zoo
    given = {n: choice for n, choice in choices.items() if n != "data" or is_dataset(choice)}
    return zoo.with_parts(*classes_in([variant, given]))


def is_dataset(data: object) -> TypeGuard[Dataset | type[Dataset]]:
    """Whether data are a dataset of the zoo's kind, or its class."""
    return isinstance(data, Dataset) or (isinstance(data, type) and issubclass(data, Dataset))


def as_dataset(data: Dataset | type[Dataset], settings: list[str], zoo: Zoo) -> Dataset:
    """A dataset with settings of the data on top of its own options."""
    if isinstance(data, Dataset) and not any(map(is_of_data, settings)):
        return data
    options = {} if isinstance(data, type) else data.model_dump(mode="json")
    return zoo.dataset(data.name, [*written({"data": options}), *settings])


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
