"""Model cards: what a model is, where it comes from and how well it does, from the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganzoo.registry import Model, Registry
    from ganzoo.weights import Config


def card(name: str, config: Config, model: Model | None = None) -> str:
    """A model's card as Markdown, from what its file says and what the registry adds."""
    source = config.variant.get("source")
    lines = [
        f"# {name}",
        "",
        *([model.summary, ""] if model else []),
        "```python",
        "import ganzoo",
        "",
        f'model = ganzoo.load("{name}")',
        "```",
        "",
        f"- variant: `{config.variant['name']}`" + (f" ({source})" if source else ""),
        f"- data: `{config.data['part']}`, samples of {config.spaces['real']}",
        f"- trained for {config.rounds} rounds from seed {config.seed}",
    ]
    return "\n".join([*lines, *(registered(model) if model else [])]) + "\n"


def hub_page(model: Model, config: Config) -> str:
    """The README.md of a model on the Hub: its card under the front matter that the Hub reads."""
    from huggingface_hub import EvalResult, ModelCardData

    task = "unconditional-image-generation" if config.spaces["real"].is_image else "other"
    results = [
        EvalResult(
            task_type=task,
            dataset_type=model.data,
            dataset_name=model.data,
            metric_type=figure.metric,
            metric_value=figure.value,
            metric_name=f"{figure.metric}, {figure.protocol}",
        )
        for figure in model.figures
    ]
    front = ModelCardData(
        license=model.license.partition(";")[0].lower(),
        library_name="ganzoo",
        tags=["gan", "ganzoo", model.plugin],
        model_name=model.name,
        eval_results=results,
    )
    return f"---\n{front.to_yaml()}\n---\n\n{card(model.name, config, model)}"


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
