"""What every part and variant must have: a docstring, and options that survive JSON."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ganzoo.parts.part import Part
from ganzoo.plugins.loading import reason
from ganzoo.testing.composing import PLAYED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo


def check_form(cls: Any, zoo: Zoo) -> None:
    """Check a part's docstring, and that its options are frozen and survive JSON."""
    who = f"{cls.kind} '{cls.name}'"
    assert (cls.__dict__.get("__doc__") or "").strip(), f"{who} has no docstring."
    if not issubclass(cls, Part):
        return
    assert cls.model_config.get("frozen"), f"{who} is not frozen: its options could change."
    assert not cls.__private_attributes__, (
        f"{who} holds '{min(cls.__private_attributes__)}' beside its options; state that changes "
        "belongs to the game: return it from start(self, game)."
    )
    needed = [name for name, option in cls.model_fields.items() if option.is_required()]
    if needed and cls.kind not in PLAYED:
        return  # a dataset may need an option that has no default, such as a folder's path
    assert not needed, f"{who} has no default for its option '{needed[0]}'."
    with worded(f"{who} does not survive JSON"):
        again = zoo.part(cls.kind, json.loads(json.dumps(cls().spec())))
        assert again == cls(), f"{who} does not survive JSON: {again!r} came back."


def check_choices(variant: Variant, zoo: Zoo) -> None:
    """Check that a variant survives JSON, and that the data it names are offered."""
    who = f"variant '{variant.name}'"
    with worded(f"{who} does not survive JSON"):
        again = zoo.variant(json.loads(json.dumps(variant.spec())))
        assert again == variant, f"{who} does not survive JSON: {again!r} came back."
    with worded(f"{who} names data that cannot be used"):
        zoo.dataset(variant.data)


@contextmanager
def worded(failure: str) -> Iterator[None]:
    """Turn any error raised inside into an AssertionError of one sentence."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        message = f"{failure}: {reason(error)}."
        raise AssertionError(message) from error
