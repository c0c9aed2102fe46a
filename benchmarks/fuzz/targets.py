"""Every parser of bytes or texts from elsewhere, by name."""

from __future__ import annotations

from fuzz import archives, datasets, emoji, runs, texts

TARGETS = {
    target.name: target
    for module in (datasets, archives, emoji, runs, texts)
    for target in module.TARGETS
}
