"""Options of a part from text or JSON, with errors in one sentence."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError

from ganzoo.errors import OptionError
from ganzoo.parts.settings import parse


def spelled(text: str) -> dict[str, Any]:
    """A part's JSON, ``{"part": NAME, KEY: VALUE, ...}``, from ``NAME:KEY=VALUE,...``."""
    name, _, settings = text.partition(":")
    options: dict[str, Any] = {"part": name}
    for setting in filter(None, settings.split(",")):
        path, value = parse(setting)
        options[".".join(path).replace("-", "_")] = value
    return options


def validated(cls: Any, options: dict[str, Any], name: str) -> Any:
    """An instance of ``cls`` from its options.

    Raises OptionError, in which ``name`` is the part, with the first option that is not valid.
    """
    try:
        return cls.model_validate(options)
    except ValidationError as error:
        raise OptionError(option_sentence(cls, name, error, options)) from None


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
    # A group of parts is too long to repeat, and the message names what is wrong in it.
    value = "so" if isinstance(first["input"], dict) else repr(first["input"])
    return f"option '{path}' of '{name}' cannot be {value}: {message}{end}"


def place(loc: tuple[int | str, ...], options: dict[str, Any]) -> str:
    """Where an error is, as ``--set`` spells it: a player's turns are ``turns.PLAYER``."""
    if loc[:1] == ("turns",) and len(loc) > 1:
        pair = options["turns"][loc[1]]
        return f"turns.{pair[0] if isinstance(pair, (list, tuple)) and pair else loc[1]}"
    return ".".join(map(str, loc))
