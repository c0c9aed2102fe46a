"""Every parser of bytes or texts from elsewhere, by name."""

from __future__ import annotations

from fuzz import datasets, runs, texts

TARGETS = {target.name: target for target in (*datasets.TARGETS, *runs.TARGETS, *texts.TARGETS)}
