"""Model cards: what a model is, where it comes from and how well it does, from the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from ganzoo.plugins.registry import Model, Registry
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.storage.weight_file import Config

DRAWN_FROM = "generator"


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
    """``docs/zoo.md``: every model of the registry, with a picture, its files and figures."""
    lines = [
        "# The zoo",
        "",
        "Every model of the registry; `python -m ganzoo.cards` writes this page and its pictures,",
        "samples of seed 0 that nobody chose: images, points over grey real ones, or six moments",
        "of an episode. `ganzoo.load(NAME)` reads a model ([Pretrained models](pretrained.md));",
        "an interval is where one more training run should end.",
    ]
    for model in trained(registry):
        shown = f"![Samples of {model.name}](zoo/{model.folder}.png)"
        lines += ["", f"## {model.name}", "", model.summary, "", shown, "", *registered(model)]
    return "\n".join(lines) + "\n"


def trained(registry: Registry) -> list[Model]:
    """The registry's models by name; one without files is still being made."""
    return [model for _, model in sorted(registry.weights.items()) if model.files]


def picture(name: str, zoo: Zoo) -> Image.Image:
    """Samples of a model that can be drawn; of one that unfolds in time, moments side by side."""
    from ganzoo.builtin.observers.grid import drawable, drawn, strip
    from ganzoo.pretrained.render import subject

    source = subject(name, zoo)
    if drawable(source.frozen.spaces):
        return drawn(source.frozen, source.data)
    frames = source.frozen.sampler.frames(source.frozen, seed=0)
    assert frames is not None
    return strip(frames)


def reduced(image: Image.Image) -> Image.Image:
    """The picture in greys where it has no colour, else in 256 colours."""
    greys = image.convert("L")
    return greys if greys.convert("RGB").tobytes() == image.tobytes() else image.quantize(256)


def write(folder: Path, registry: Registry, zoo: Zoo) -> None:
    """Write the page, and the picture of each model that has none of its present generator."""
    from PIL import PngImagePlugin

    from ganzoo.storage.files import replacing, write_text

    (folder / "zoo").mkdir(parents=True, exist_ok=True)
    for model in trained(registry):
        place, generator = folder / "zoo" / f"{model.folder}.png", model.file("generator")
        assert generator is not None
        if drawn_from(place) == generator.sha256:
            continue
        facts = PngImagePlugin.PngInfo()
        facts.add_text(DRAWN_FROM, generator.sha256)
        small = reduced(picture(model.name, zoo))
        with replacing(place) as path:
            small.save(path, format="png", optimize=True, pnginfo=facts)
    write_text(folder / "zoo.md", page(registry))


def drawn_from(picture: Path) -> str | None:
    """The sha256 of the generator that a picture was drawn from, which it has in its metadata."""
    from PIL import Image

    if not picture.exists():
        return None
    with Image.open(picture) as image:
        found: str | None = image.info.get(DRAWN_FROM)
        return found


if __name__ == "__main__":
    from pathlib import Path

    from ganzoo.plugins.default import default_zoo
    from ganzoo.plugins.registry import registry as known

    write(Path("docs"), known(), default_zoo())
