"""Model cards: a model's origin and scores as Markdown, from its weight file and the registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ganzoo.storage.markdown import block, code, plain, table

if TYPE_CHECKING:
    from ganzoo.plugins.registry import Model
    from ganzoo.storage.weight_file import Config


def card(name: str, config: Config, model: Model | None = None) -> str:
    """A model's card as Markdown: what its weight file says, and its registry entry if any.

    The weight file may be anybody's; the registry's summary is Markdown.
    """
    source = config.variant.get("source")
    variant = code(str(config.variant["name"])) + (f" ({plain(str(source))})" if source else "")
    data = f"{code(str(config.data['part']))}, samples of {plain(str(config.spaces['real']))}"
    example = f"import ganzoo\n\nmodel = ganzoo.load({json.dumps(name, ensure_ascii=False)})"
    lines = [
        f"# {plain(name)}",
        "",
        *([model.summary, ""] if model else []),
        block(example, "python"),
        "",
        f"- variant: {variant}",
        f"- data: {data}",
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
    files = ([code(f.path), f.role, f"{f.size:,}", code(f.sha256)] for f in model.files)
    figures = (
        [plain(f.metric), f"{f.value:.4g}", f"{f.low:.4g} to {f.high:.4g}", plain(f.protocol)]
        for f in model.figures
    )
    return [
        f"- licence: {plain(model.license)}; version {model.version}",
        f"- command: {code(model.command)}",
        "",
        table(["file", "network", "bytes", "sha256"], files),
        "",
        table(["metric", "value", "retraining should end in", "measured on"], figures),
    ]
