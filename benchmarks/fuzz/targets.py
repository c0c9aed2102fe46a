"""Every parser of bytes or texts from elsewhere, by name."""

from __future__ import annotations

from fuzz import datasets, emoji, runs, texts

TARGETS = {
    target.name: target for module in (datasets, emoji, runs, texts) for target in module.TARGETS
}
