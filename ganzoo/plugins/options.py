"""Options of a part from text or JSON, with errors in one sentence."""

from __future__ import annotations

import difflib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ganzoo.errors import OptionError, UnknownNameError, quoted
from ganzoo.parts.settings import Typed, separated, typed
from ganzoo.storage.files import is_utf_8
from ganzoo.storage.paths import home, is_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.parts.dataset import Dataset


def spelled(text: str) -> dict[str, Any]:
    """A part's JSON, ``{"part": NAME, KEY: VALUE, ...}``, from ``NAME:KEY=VALUE,...``."""
    name, _, settings = text.partition(":")
    options: dict[str, Any] = {"part": name}
    for setting in separated(settings) if settings else ():
        path, value = typed(setting)
        options[".".join(path).replace("-", "_")] = value
    return options


def validated(cls: Any, options: dict[str, Any], name: str) -> Any:
    """An instance of ``cls`` from its options.

    A value that was typed is what JSON reads, or the text where the option does not take that.
    Raises OptionError, in which ``name`` is the part, with the first option that is not valid.
    """
    read = {n: v.value if isinstance(v, Typed) else v for n, v in options.items()}
    for option, value in read.items():
        if isinstance(value, str) and not is_utf_8(value):
            message = (
                f"option '{option}' of '{name}' cannot be {quoted(value)}, which is not UTF-8: "
                "rename the file, or make a link to it."
            )
            raise OptionError(message)
    try:
        return cls.model_validate(read)
    except ValidationError as error:
        wrong = {first["loc"][0] for first in error.errors() if first["loc"]}
        texts = {n: v.text for n, v in options.items() if n in wrong and isinstance(v, Typed)}
        if texts:
            with suppress(ValidationError):
                return cls.model_validate({**read, **texts})
        raise OptionError(option_sentence(cls, name, error, options)) from None


def refuse_path(spec: str, datasets: Mapping[str, type[Dataset]]) -> None:
    """Raise UnknownNameError where a path stands for a dataset, without the name of one."""
    reading: list[str] = []
    with suppress(OSError, ValueError, RuntimeError):  # no path of this system, so no folder
        path = home(spec)
        reading += [f"'{name}:{spec}'" for name, dataset in datasets.items() if dataset.reads(path)]
    if reading:
        what = "folder" if is_folder(path) else "file"
        message = f"no dataset '{spec}', but a {what} is called so: write {' or '.join(reading)}."
        raise UnknownNameError(message)


def option_sentence(cls: Any, name: str, error: ValidationError, options: dict[str, Any]) -> str:
    """The first error that pydantic found, as a sentence."""
    first = error.errors()[0]
    path = place(first["loc"], options)
    if first["type"] == "extra_forbidden":
        known = sorted(cls.model_fields)
        close = difflib.get_close_matches(path, known, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else "."
        return f"'{name}' has no option '{path}'{meant} Its options: {', '.join(known) or 'none'}."
    if first["type"] == "missing":
        field = cls.model_fields.get(path)
        meaning = f" It is {field.description}." if field and field.description else ""
        return f"'{name}' needs the option '{path}'.{meaning}"
    message = first["msg"].removeprefix("Value error, ").rstrip(".?")
    end = "?" if first["msg"].endswith("?") else "."
    if not path:  # of several options together
        return f"'{name}' cannot be so: {message}{end}"
    # A group of parts is too long to repeat, and the message names what is wrong in it.
    value = "so" if isinstance(first["input"], dict) else quoted(first["input"])
    return f"option '{path}' of '{name}' cannot be {value}: {message}{end}"


def place(loc: tuple[int | str, ...], options: dict[str, Any]) -> str:
    """Where an error is, as ``--set`` spells it: a player's turns are ``turns.PLAYER``."""
    turns = options.get("turns")
    if loc[:1] == ("turns",) and len(loc) > 1 and isinstance(turns, (list, tuple)):
        pair = turns[int(loc[1])]
        return f"turns.{pair[0] if isinstance(pair, (list, tuple)) and pair else loc[1]}"
    return ".".join(map(str, loc))
