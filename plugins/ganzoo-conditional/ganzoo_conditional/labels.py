"""The sampler of labels, which is in the core since other plugins use it."""

from ganzoo.builtin.labelled import ByClass, Labelled

__all__ = ["ByClass", "Labelled"]
