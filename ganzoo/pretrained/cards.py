"""Model cards: a model's origin and scores as Markdown, from its weight file and the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganzoo.plugins.registry import Model
    from ganzoo.storage.weight_file import Config


def card(name: str, config: Config, model: Model | None = None) -> str:
    """A model's card as Markdown: what its weight file says, and its registry entry if any."""
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
    return "\n".join([*lines, *(registry_facts(model) if model else [])]) + "\n"


def hub_page(model: Model, config: Config) -> str:
    """A model's README.md on the Hub: its card below the YAML front matter that the Hub reads."""
    from huggingface_hub import EvalResult, ModelCardData  # start-up time: `load` makes no page

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


def registry_facts(model: Model) -> list[str]:
    """The lines of Markdown for a registry entry: licence, command, files and scores."""
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
