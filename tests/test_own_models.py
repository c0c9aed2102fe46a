"""A plugin outside the registry brings its own weights, as docs/pretrained.md says."""

from __future__ import annotations

import importlib
import json
import re
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml

import ganzoo
from ganzoo import cli
from ganzoo.errors import WeightsError
from ganzoo.plugins.default import default_zoo, installed_zoo
from ganzoo.plugins.loading import Origin
from ganzoo.plugins.zoo import Zoo

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[1] / "docs" / "pretrained.md").read_text()
VARIANT = """
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.samplers import Gaussian
from ganzoo.parts import Variant
from ganzoo_vanilla import Mlp


@ganzoo.hookimpl
def ganzoo_variants():
    parts = dict(architecture=Mlp(width=8), loss=NonSaturating(), sampler=Gaussian(dim=4))
    return [Variant(name=name, data="ring", **parts) for name in ("small", "dcgan")]
"""


def block(language: str) -> str:
    """The page's example of the hook, or of models.yaml."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return next(text for text in blocks if "models_of" in text or "small/ring" in text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip would leave it: the package, its entry point, its weights."""
    site = tmp_path_factory.mktemp("site")
    package, info = site / "ganzoo_small", site / "ganzoo_small-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-small\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ganzoo]\nsmall = ganzoo_small\n")
    run = ganzoo.train(
        "vanilla",
        data="ring",
        rounds=2,
        out=site / "run",
        settings=["architecture.width=8", "sampler.dim=4"],
    )
    ganzoo.export(run, package / "weights" / "small-ring")
    blob = (package / "weights" / "small-ring" / "model.safetensors").read_bytes()
    models: dict[str, Any] = yaml.safe_load(block("yaml"))
    models["small/ring"]["files"][0] |= {"size": len(blob), "sha256": sha256(blob).hexdigest()}
    models["dcgan/fashion-mnist"] = models["small/ring"]  # which is not theirs to name
    (package / "weights" / "models.yaml").write_text(yaml.safe_dump(models))
    (package / "__init__.py").write_text(block("python") + VARIANT)
    return site


@pytest.fixture(autouse=True)
def _installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(site)
    installed_zoo.cache_clear()
    yield
    installed_zoo.cache_clear()
    sys.modules.pop("ganzoo_small", None)


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["ganzoo", *words, "--json"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    return json.loads(capsys.readouterr().out)


def test_its_models_are_loaded_by_name(site: Path) -> None:
    model = ganzoo.load("small/ring")
    assert torch.equal(model.sample(4, seed=1), ganzoo.sample(site / "run", 4, seed=1))
    assert 'ganzoo.load("small/ring")' in model.card


def test_its_models_are_listed_and_verified(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {row["model"]: row for row in said(monkeypatch, capsys, "hub", "verify", "--all")}
    assert (rows["small/ring"]["where"], rows["small/ring"]["status"]) == ("embedded", "ok")
    assert "dcgan/fashion-mnist" in rows
    variants = {row["variant"]: row for row in said(monkeypatch, capsys, "list")}
    assert variants["small"]["pretrained"] == "ring"


def test_a_changed_file_is_not_loaded(site: Path) -> None:
    path = site / "ganzoo_small" / "weights" / "small-ring" / "model.safetensors"
    blob = path.read_bytes()
    path.write_bytes(blob[:-1] + bytes([blob[-1] ^ 1]))
    try:
        with pytest.raises(WeightsError, match="its sha256 is .* Reinstall the plugin 'small'"):
            ganzoo.load("small/ring")
    finally:
        path.write_bytes(blob)


def test_names_of_the_registry_are_left_out_with_both_owners_named() -> None:
    zoo = default_zoo()
    assert ganzoo.load("dcgan/fashion-mnist").sample(1).shape == (1, 1, 28, 28)
    assert zoo.origin(zoo.variants["dcgan"]).distribution == "ganzoo-dcgan"
    whose = {"model 'dcgan/fashion-mnist'": "ganzoo-core", "variant 'dcgan'": "ganzoo-dcgan"}
    assert {str(fault) for fault in zoo.broken["small"]} == {
        f"plugin ganzoo-small 1.0 offers the {thing}, which in the registry is {owner}'s, so it is "
        "left out. The rest of the zoo is unaffected."
        for thing, owner in whose.items()
    }


def test_an_entry_that_is_wrong_is_a_fault_of_its_plugin(site: Path) -> None:
    path = site / "ganzoo_small" / "weights" / "models.yaml"
    good = path.read_text()
    path.write_text(good.replace("version: '1'", "version: 1"))
    try:
        module = importlib.import_module("ganzoo_small")
        zoo = Zoo([(Origin("small", "ganzoo-small", "1.0"), module)])
    finally:
        path.write_text(good)
    (fault,) = (str(fault) for fault in zoo.broken["small"] if "ganzoo_models" in str(fault))
    assert "failed in ganzoo_models: ganzoo_small's models.yaml: weights.dcgan" in fault
    assert "small" in zoo.variants
