"""The pages say what the code does: nothing lacks its place, and every example runs."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ganzoo_wgan_gp
import pytest
import small_emoji
import typer
import zoo_page
from PIL import Image

from ganzoo import cli, errors
from ganzoo.cli.commands import app
from ganzoo.engine.check import offered
from ganzoo.engine.game import Game
from ganzoo.errors import PluginError
from ganzoo.parts.needs import reads
from ganzoo.parts.part import Regularizer
from ganzoo.plugins import hookspecs
from ganzoo.plugins.default import default_zoo, installed_zoo
from ganzoo.plugins.loading import Origin
from ganzoo.plugins.registry import Model, registry
from ganzoo.plugins.zoo import Zoo

ROOT = Path(__file__).parent.parent
DOCS = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.md")}
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("plugins/*/README.md")])
COMMANDS: dict[str, Any] = typer.main.get_group(app).commands  # type: ignore[assignment]
COMMANDS |= {
    f"{group} {name}": command
    for group in ("hub", "data")
    for name, command in COMMANDS[group].commands.items()
}
Monkey = pytest.MonkeyPatch
Tell = Callable[[str], str]
EXAMPLE = re.compile(r"^\$ (GANZOO_PLUGINS= )?ganzoo (.*)\n(.*)$", re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS[page], re.MULTILINE | re.DOTALL)


@pytest.fixture
def tell(monkeypatch: Monkey, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Tell]:
    """Run a command line in an empty folder; returns the last line that it printed."""

    def told(words: str) -> str:
        installed_zoo.cache_clear()
        monkeypatch.setattr(sys, "argv", ["ganzoo", *shlex.split(words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code in {0, 1}, words
        out, err = capsys.readouterr()
        return (err or out).strip().splitlines()[-1]

    monkeypatch.chdir(tmp_path)
    yield told
    installed_zoo.cache_clear()


def test_every_hook_and_every_error_is_in_its_page() -> None:
    hooks = [f"`{name}(" for name in vars(hookspecs) if name.startswith("ganzoo_")]
    assert [hook for hook in hooks if hook not in DOCS["hooks"]] == []
    kinds = [f"\n## {name}\n" for name, kind in vars(errors).items() if isinstance(kind, type)]
    assert [kind for kind in kinds if kind not in DOCS["errors"]] == []


def test_every_metric_and_number_is_in_its_page(zoo: Zoo) -> None:
    named = {name: [name, *metric.better] for name, metric in zoo.named("metric").items()}
    rows = {row.split("`")[1]: row for row in DOCS["metrics"].splitlines() if row[:3] == "| `"}
    lacking = [n for name, told in named.items() for n in told if f"`{n}`" not in rows[name]]
    assert lacking == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_in_its_page(name: str) -> None:
    section = DOCS["command-line"].partition(f"\n## ganzoo {name}")[2].partition("\n## ")[0]
    flags = {f for p in COMMANDS[name].params if p.param_type_name == "option" for f in p.opts}
    assert [flag for flag in flags if f"`{flag}`" not in section] == []


def test_every_value_is_in_its_page(zoo: Zoo) -> None:
    values = {"state", *(n for metric in zoo.metrics() for n in reads(metric.measure))}
    for variant in zoo.variants.values():
        acts = zoo.origin(variant).distribution == "ganzoo-gail"
        game = Game(variant, zoo.dataset("cartpole" if acts else "digits").load())
        for player, _ in variant.turns:
            rows = variant.sampler.draw(player, game)
            values.update(*(offered(game, s) for s in variant.sampler.deal(player, game, rows)))
    assert [name for name in sorted(values) if f"`{name}`" not in DOCS["values"]] == []


def test_the_errors_are_word_for_word(tell: Tell, monkeypatch: Monkey) -> None:
    examples = EXAMPLE.findall(DOCS["errors"])
    assert len(examples) > 10
    for none, words, sentence in examples:
        with monkeypatch.context() as patch:
            patch.setenv("GANZOO_PLUGINS", "" if none else "vanilla,dcgan,wgan-gp")
            assert re.sub(r"\d+\.\d s", "0.0 s", tell(words)) == sentence
    twice = [(Origin(a, f"ganzoo-{a}", v), ganzoo_wgan_gp) for a, v in (("a", "1.0"), ("b", "2.0"))]
    with pytest.raises(PluginError) as error:
        Zoo(twice).find("loss", "wasserstein")
    for page in ("errors", "hooks"):
        assert str(error.value).replace("wasserstein", "mine") in DOCS[page]


def test_the_whole_tutorial_runs(tell: Tell, tmp_path: Path, monkeypatch: Monkey) -> None:
    """The first block is found by its entry point, as if installed; the others continue it."""
    plugin, *others = blocks("write-a-plugin", "python")
    (project,) = blocks("write-a-plugin", "toml")
    ((name, target),) = tomllib.loads(project)["project"]["entry-points"]["ganzoo"].items()
    info = tmp_path / "ganzoo_margin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-margin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ganzoo]\n{name} = {target}\n")
    (tmp_path / f"{target}.py").write_text(plugin)
    monkeypatch.syspath_prepend(tmp_path)
    installed_zoo.cache_clear()
    module = importlib.import_module(target)
    for block in others:
        exec(compile(block, "write-a-plugin.md", "exec"), vars(module))
    assert callable(module.test_margin)
    for words in re.findall(r"^\$ ganzoo (.*)$", DOCS["write-a-plugin"], re.MULTILINE):
        said = tell(words)
        assert not said.startswith("error") or f"\n{said}\n" in DOCS["write-a-plugin"], words
    assert (tmp_path / "runs" / "moons" / "highest.txt").exists()
    for block in blocks("hooks", "python"):
        exec(block, {})


def test_the_page_on_python_runs(tmp_path: Path, monkeypatch: Monkey) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks("python", "python"):
        exec(compile(block, "python.md", "exec"), names)
    with pytest.raises(errors.RunError) as error:
        names["ganzoo"].sample(tmp_path / "runs" / "own", 4)
    assert f"\n{error.value}\n" in DOCS["python"]


def test_the_page_on_metrics_runs(tmp_path: Path, monkeypatch: Monkey) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("metrics", "python")
    exec(compile(block, "metrics.md", "exec"), {"__name__": "__main__"})


def test_the_readmes_commands_run_in_their_order(
    tell: Tell, tmp_path: Path, monkeypatch: Monkey
) -> None:
    monkeypatch.setattr("ganzoo.training.plan.DEFAULT_ROUNDS", 2)
    small_emoji.packed(tmp_path / "packages", monkeypatch)
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "packages"))
    page = (ROOT / "README.md").read_text()
    words = re.findall(r"^ganzoo ((?:train|sample|explain) [^#\n]*)", page, re.MULTILINE)
    assert [line for line in words if tell(line).startswith("error")] == []
    assert len(words) == 8
    for block in re.findall(
        r"^```python\n(import ganzoo\n.*?)^```$", page, re.MULTILINE | re.DOTALL
    ):
        exec(block.replace("rounds=500", "rounds=2"), {})


def rate_of(optimizer: Any) -> str:
    """An optimizer's name, where it is not Adam, its learning rate, and its betas."""
    lr = f"{optimizer.lr:g}" if isinstance(optimizer.lr, float) else str(optimizer.lr)
    named = [] if optimizer.name == "adam" else [optimizer.name]
    betas = f"({', '.join(map(str, optimizer.betas))})" if hasattr(optimizer, "betas") else None
    return ", ".join(filter(None, [*named, lr, betas]))


def rows_of(plugin: Any) -> Iterator[str]:
    """A plugin's variants and options as its README should list them."""
    for v in getattr(plugin, "ganzoo_variants", list)():
        turns = ":".join(str(turns) for _, turns in v.turns)
        optimizers = [v.optimizers[player] for player, _ in v.turns]
        rates = " / ".join(dict.fromkeys(map(rate_of, optimizers)))
        parts = ", ".join(f"`{part.name}`" for part in v.parts())
        half_life = v.ema_half_life and f"half-life {v.ema_half_life:g}"
        cells = f"`{v.name}`", parts, turns, v.batch, rates, half_life or v.ema
        yield f"| {' | '.join(map(str, cells))} |"
    for kind in ("architectures", "losses", "regularizers", "samplers"):
        for part in getattr(plugin, f"ganzoo_{kind}", list)():
            adds = any(hasattr(part, player) for player in ("discriminator", "generator"))
            without = () if adds else Regularizer.model_fields  # nothing to weight
            for name, field in part.model_fields.items():
                if name not in without:
                    yield f"| `{part.name}.{name}` | `{field.default}` | {field.description} |"


def test_the_page_of_all_models_is_the_registrys() -> None:
    assert (ROOT / "docs" / "zoo.md").read_text() == zoo_page.page(registry())


@pytest.mark.parametrize("model", zoo_page.with_files(registry()), ids=lambda model: model.name)
def test_each_models_picture_is_of_its_weights_and_small(model: Model) -> None:
    picture = ROOT / "docs" / "zoo" / f"{model.folder}.png"
    assert zoo_page.drawn_from(picture) == getattr(model.file("generator"), "sha256", None)
    assert picture.stat().st_size < 60_000


def test_pictures_are_drawn_of_what_has_none(tmp_path: Path, monkeypatch: Monkey) -> None:
    names = ("gail/cartpole", "vanilla/ring", "dcgan/fashion-mnist")
    weights = {name: registry().weights[name] for name in names}
    some = registry().model_copy(update={"weights": weights})
    zoo_page.write(tmp_path, some, default_zoo())
    assert (tmp_path / "zoo.md").read_text() == zoo_page.page(some)
    for model, size in zip(weights.values(), [(1090, 120), (512, 512), (484, 484)], strict=True):
        with Image.open(tmp_path / "zoo" / f"{model.folder}.png") as picture:
            assert picture.size == size
    monkeypatch.delattr(zoo_page, "picture")  # none is drawn again
    zoo_page.write(tmp_path, some, default_zoo())


@pytest.mark.parametrize("plugin", sorted(p.name[7:] for p in (ROOT / "plugins").iterdir()))
def test_a_plugins_readme_lists_its_variants_and_options_as_they_are(plugin: str) -> None:
    page = (ROOT / "plugins" / f"ganzoo-{plugin}" / "README.md").read_text().splitlines()
    module = importlib.import_module(f"ganzoo_{plugin.replace('-', '_')}")
    assert [row for row in rows_of(module) if row not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_uses_a_run_only_after_it_has_trained_one(page: Path) -> None:
    trained, early = {"nowhere"}, []
    for line in page.read_text().splitlines():
        used = re.match(r"(?:\$ )?ganzoo (?:sample|evaluate|export) ([a-z0-9-]+)(?:\s|$)", line)
        if used and not any(re.fullmatch(name, used[1]) for name in trained):
            early.append(line)
        trained |= {re.sub(r"\$\w+", r"\\w+", name) for name in re.findall(r"--out (\S+)", line)}
    assert early == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_links_to_what_is_there_and_names_the_right_distribution(page: Path) -> None:
    text = page.read_text()
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        if linked.suffix != ".md":
            continue
        titles = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
        assert not anchor or anchor in {t.lower().replace(" ", "-") for t in titles}, anchor
    for words in re.findall(r"pip install ([^\n`]*)", text):
        assert "ganzoo" not in re.split(r"[\s'\"=<>]", words), "that is another project's name"
