"""Every parser of bytes or texts from elsewhere, by name."""

from __future__ import annotations

from fuzz import archives, datasets, runs, texts

TARGETS = {
    target.name: target
    for target in (*datasets.TARGETS, *archives.TARGETS, *runs.TARGETS, *texts.TARGETS)
}
