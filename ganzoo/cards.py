"""Model cards: what a model is, where it comes from and how well it does, from the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganzoo.pretrained import Pretrained
    from ganzoo.registry import Model, Registry


def card(model: Pretrained) -> str:
    """A model's card as Markdown; of a folder's, what its file says."""
    config = model.config
    lines = [
        f"# {model.name}",
        "",
        *([model.model.summary, ""] if model.model else []),
        "```python",
        "import ganzoo",
        "",
        f'model = ganzoo.load("{model.name}")',
        "```",
        "",
        f"- variant: `{model.variant.name}`"
        + (f" ({model.variant.source})" if model.variant.source else ""),
        f"- data: `{config.data['part']}`, samples of {config.spaces['real']}",
        f"- trained for {config.rounds} rounds from seed {config.seed}",
    ]
    return "\n".join([*lines, *(registered(model.model) if model.model else [])]) + "\n"


def registered(model: Model) -> list[str]:
    """What the registry adds: licence, command, files and figures."""
    return [
        f"- licence: {model.license}; version {model.version}",
        f"- command: `{model.command}`",
        "",
        "| file | network | bytes | sha256 |",
        "|---|---|---|---|",
        *(f"| `{f.path}` | {f.role} | {f.size:,} | `{f.sha256}` |" for f in model.files),
        "",
        "| metric | value | retraining should end in | measured on |",
        "|---|---|---|---|",
        *(
            f"| {f.metric} | {f.value:.4g} | {f.low:.4g} to {f.high:.4g} | {f.protocol} |"
            for f in model.figures
        ),
    ]


def page(registry: Registry) -> str:
    """``docs/zoo.md``: every model of the registry, with its files and figures.

    ``python -m ganzoo.cards`` prints it, and a test holds the page to it.
    """
    lines = [
        "# The zoo",
        "",
        "Every model of the registry; `python -m ganzoo.cards > docs/zoo.md` writes this page.",
        "`ganzoo.load(NAME)` reads one ([Pretrained models](pretrained.md)); an interval is where",
        "one more training run should end.",
    ]
    for name, model in sorted(registry.weights.items()):
        lines += ["", f"## {name}", "", model.summary, "", *registered(model)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    from ganzoo.registry import registry as known

    sys.stdout.write(page(known()))
