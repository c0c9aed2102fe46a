"""What an older version wrote, read as this one writes it.

Run folders and weight files keep the JSON that they were written with; it is brought up to date
whenever it is read, and never rewritten.
"""

from __future__ import annotations

from typing import Any


def current(spec: dict[str, Any]) -> dict[str, Any]:
    """A variant's JSON as this version writes it; what is current already is returned as it is."""
    optimizers = spec.get("optimizers")
    if not isinstance(optimizers, dict):
        return spec
    turns = spec.get("turns")
    players = (
        {str(pair[0]) for pair in turns if isinstance(pair, (list, tuple)) and pair}
        if isinstance(turns, (list, tuple))
        else set(optimizers)
    )
    return {
        **spec,
        "optimizers": {
            player: optimizer(options)
            for player, options in optimizers.items()
            # 0.1 wrote an optimizer for both players, also for one without turns.
            if player in players or not is_of_0_1(options)
        },
    }


def is_of_0_1(options: Any) -> bool:
    """Whether an optimizer's JSON is of 0.1, which knew Adam alone and did not name it."""
    return isinstance(options, dict) and "part" not in options


def optimizer(options: Any) -> Any:
    """An optimizer's JSON: 0.1 had one for both Adam and AdamW, whose rate could fall to zero."""
    if not isinstance(options, dict):
        return options
    options = dict(options)
    if is_of_0_1(options):
        decay = options.pop("weight_decay", 0.0)
        options = {"part": "adamw", "weight_decay": decay, **options} if decay else options
        options.setdefault("part", "adam")
    rate = options.get("lr")
    if options.pop("schedule", "constant") == "linear" and isinstance(rate, (int, float)):
        options["lr"] = {"shape": "linear", "start": rate, "end": 0.0}
    return options
