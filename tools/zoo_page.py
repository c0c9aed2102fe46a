"""Draw docs/zoo.md and its pictures from the registry: ``python tools/zoo_page.py``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, PngImagePlugin

from ganzoo.builtin.observers.grid import drawable, drawn, strip
from ganzoo.plugins.default import default_zoo
from ganzoo.plugins.registry import registry
from ganzoo.pretrained.cards import registry_facts
from ganzoo.pretrained.render import frames_of, sample_source
from ganzoo.storage.files import replacing, write_text

if TYPE_CHECKING:
    from ganzoo.plugins.registry import Model, Registry
    from ganzoo.plugins.zoo import Zoo

DRAWN_FROM = "generator"
"""The key of a picture's metadata that holds the sha256 of the generator it was drawn from."""


def page(registry: Registry) -> str:
    """``docs/zoo.md``: every model of the registry, with a picture, its files and its scores."""
    lines = [
        "# The zoo",
        "",
        "Every model of the registry. `ganzoo.load(NAME)` loads one",
        "([Pretrained models](pretrained.md)). The pictures show samples of seed 0, not selected:",
        "images, points over grey real ones, or six moments of an episode. An interval says where",
        "one more training run should end. `python tools/zoo_page.py` writes this page.",
    ]
    for model in with_files(registry):
        shown = f"![Samples of {model.name}](zoo/{model.folder}.png)"
        facts = registry_facts(model)
        lines += ["", f"## {model.name}", "", model.summary, "", shown, "", *facts]
    return "\n".join(lines) + "\n"


def with_files(registry: Registry) -> list[Model]:
    """The registry's models by name, without those that are still being trained."""
    return [model for _, model in sorted(registry.weights.items()) if model.files]


def picture(name: str, zoo: Zoo) -> Image.Image:
    """Samples of a model as a picture, or moments of one sample that unfolds in time."""
    source = sample_source(name, zoo)
    if drawable(source.frozen.spaces):
        return drawn(source.frozen, source.data)
    return strip(frames_of(source, seed=0))


def reduced(image: Image.Image) -> Image.Image:
    """The picture in greys if it has no colour, otherwise in 256 colours."""
    greys = image.convert("L")
    return greys if greys.convert("RGB").tobytes() == image.tobytes() else image.quantize(256)


def write(folder: Path, registry: Registry, zoo: Zoo) -> None:
    """Write the page, and every picture that was not drawn from the model's present generator."""
    (folder / "zoo").mkdir(parents=True, exist_ok=True)
    for model in with_files(registry):
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
    """The sha256 of the generator that a picture was drawn from; None if there is no picture."""
    if not picture.exists():
        return None
    with Image.open(picture) as image:
        found: str | None = image.info.get(DRAWN_FROM)
        return found


if __name__ == "__main__":
    write(Path(__file__).parents[1] / "docs", registry(), default_zoo())
