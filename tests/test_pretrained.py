"""Weight files and names: what was trained is loaded, and anything else is refused."""

from __future__ import annotations

import json
import pickle
import re
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import safetensors.torch
import torch
import yaml

import ganzoo
from ganzoo.builtin.losses import NonSaturating
from ganzoo.builtin.samplers import Gaussian
from ganzoo.errors import OptionError, WeightsError, ZooError
from ganzoo.parts.variant import Variant
from ganzoo.plugins.loading import Origin
from ganzoo.plugins.registry import parsed, registry
from ganzoo.plugins.sources import embedded_folder, source
from ganzoo.plugins.zoo import Zoo
from ganzoo.pretrained.opening import load
from ganzoo.pretrained.walks import circular
from ganzoo.storage.hub import Client
from ganzoo.storage.weight_file import Config, file_name, opened, player_of, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ganzoo.parts.space import Space
    from ganzoo.training.run import Run

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return ganzoo.train("dcgan", data="digits", rounds=3, out=tmp_path_factory.mktemp("run") / "r")


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    return ganzoo.export(run, tmp_path / "weights")


def rewritten(
    folder: Path,
    config: Callable[[dict[str, Any]], object] = id,
    tensors: Callable[[dict[str, Tensor]], object] = id,
) -> str:
    """Change something in the generator's file; returns the model's name."""
    path = folder / "model.safetensors"
    old, weights = opened(path.read_bytes(), "it")
    fields = old.model_dump(mode="json")
    config(fields)
    tensors(weights)
    metadata = {"ganzoo": json.dumps(fields, sort_keys=True, separators=(",", ":"))}
    path.write_bytes(safetensors.torch.save(weights, metadata))
    return f"dir:{folder}"


# ---------------------------------------------------------------------------------- what is loaded


def test_a_loaded_model_samples_and_scores_as_the_one_that_was_trained(
    run: Run, folder: Path
) -> None:
    model = ganzoo.load(f"dir:{folder}")
    fake = run.game.sample(16, seed=3)["fake"]
    assert torch.equal(model.sample(16, seed=3), fake)
    discriminator = run.game.nets["discriminator"].eval()
    try:
        expected = discriminator(fake).detach().view(-1)
    finally:
        discriminator.train()
    torch.testing.assert_close(model.score(fake), expected)
    assert isinstance(model.generator, torch.nn.Module)
    assert not model.generator.training


@pytest.mark.parametrize("name", ["vanilla", "wgan-gp", "conditional", "infogan"])
def test_every_plugins_networks_survive_a_file(name: str, tmp_path: Path) -> None:
    data = "digits" if name in {"conditional", "infogan"} else "ring"
    trained = ganzoo.train(name, data=data, rounds=1, out=tmp_path / "run")
    model = ganzoo.load(f"dir:{ganzoo.export(trained, tmp_path / 'weights')}")
    assert model.variant == trained.game.variant
    made = model.values(8)
    given = {n: made[n] for n in trained.game.inputs["generator"]}
    expected = trained.game.sample(8, given=given)["fake"]
    assert torch.equal(made["fake"], expected)


def test_labels_and_codes_are_asked_for_by_name(tmp_path: Path) -> None:
    trained = ganzoo.train("infogan", data="digits", rounds=1, out=tmp_path / "run")
    model = ganzoo.load(f"dir:{ganzoo.export(trained, tmp_path / 'weights')}")
    made = model.values(4, given={"code.c0": 3})
    assert torch.equal(model.sample(4, codes={"c0": 3}), made["fake"])
    assert made["code"][:, 3].tolist() == [1.0] * 4
    with pytest.raises(OptionError, match="c0 10 is none of the 10 classes"):
        model.sample(4, codes={"c0": 10})
    with pytest.raises(OptionError, match="no sample is made from 'label'"):
        ganzoo.load("dcgan/fashion-mnist").sample(4, label=3)


def test_any_value_is_given_by_name(tmp_path: Path) -> None:
    trained = ganzoo.train("infogan", data="digits", rounds=1, out=tmp_path / "run")
    model = ganzoo.load(f"dir:{ganzoo.export(trained, tmp_path / 'weights')}")
    z = torch.randn(4, *model.frozen.spaces["z"].shape)
    given = {"code.c0": 3, "code.c1": torch.linspace(-1, 1, 4), "z": z}
    made = model.values(4, given=given)
    assert torch.equal(made["z"], z)
    assert torch.equal(model.sample(4, given=given), made["fake"])
    assert torch.equal(
        model.sample(4, given={"z": z}, codes={"c0": 3, "c1": given["code.c1"]}), made["fake"]
    )
    conditional = ganzoo.load("conditional/fashion-mnist")
    assert torch.equal(conditional.sample(2, given={"label": 7}), conditional.sample(2, label=7))
    with pytest.raises(OptionError, match="no sample is made from 'lable'"):
        conditional.sample(2, given={"lable": 7})


class Encode(torch.nn.Module):
    def __init__(self, real: Space, z: Space) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(real.size, z.size)

    def forward(self, real: Tensor) -> Tensor:
        return self.layer(real.flatten(1))


class Decode(torch.nn.Module):
    def __init__(self, real: Space, z: Space) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(z.size, real.size)

    def forward(self, z: Tensor) -> Tensor:
        return self.layer(z)


class WithEncoder(ganzoo.Architecture):
    def discriminator(self, real: Space) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(real.size, 1), torch.nn.Flatten(0))

    def generator(self, real: Space, z: Space) -> torch.nn.Module:
        return Decode(real, z)

    def encoder(self, real: Space, z: Space) -> torch.nn.Module:
        return Encode(real, z)


@pytest.fixture
def with_encoder() -> Zoo:
    module = ModuleType("ganzoo_encoder")
    module.ganzoo_architectures = ganzoo.hookimpl(function())  # type: ignore[attr-defined]
    return Zoo([(Origin("encoder", "ganzoo-encoder", "1"), module)])


def function() -> Callable[[], list[type[ganzoo.Architecture]]]:
    def ganzoo_architectures() -> list[type[ganzoo.Architecture]]:
        return [WithEncoder]

    return ganzoo_architectures


def test_a_third_players_network_is_exported_and_loaded(with_encoder: Zoo, tmp_path: Path) -> None:
    variant = Variant(
        name="small",
        data="ring",
        architecture=WithEncoder(),
        loss=NonSaturating(),
        sampler=Gaussian(dim=4),
    )
    run = ganzoo.train(variant, rounds=1, out=tmp_path / "run", zoo=with_encoder)
    spaces = {**run.game.data.spaces, **variant.sampler.spaces(run.game.data.spaces)}
    encoder = WithEncoder().encoder(spaces["real"], spaces["z"])
    run.game.nets["encoder"] = encoder  # type: ignore[index]
    folder = ganzoo.export(run, tmp_path / "weights")
    names = {"model.safetensors", "discriminator.safetensors", "encoder.safetensors"}
    assert {path.name for path in folder.iterdir()} == names

    model = ganzoo.load(f"dir:{folder}", zoo=with_encoder)
    real = torch.randn(5, 2)
    assert torch.equal(model.network("encoder")(real), encoder(real))
    assert not model.network("encoder").training
    assert model.network("generator") is model.generator
    assert model.network("discriminator") is model.discriminator
    assert model.to("meta").network("encoder")(real.to("meta")).is_meta
    with pytest.raises(
        WeightsError, match="the critic of .* is not published; it has: discr.* generator"
    ):
        model.network("critic")
    (folder / "encoder.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(WeightsError, match="the encoder of .* is the file of a generator"):
        ganzoo.load(f"dir:{folder}", zoo=with_encoder).network("encoder")


def test_each_player_has_a_file_name_of_its_own() -> None:
    players = ("generator", "discriminator", "encoder")
    assert [player_of(file_name(player)) for player in players] == list(players)
    with pytest.raises(WeightsError, match="a player cannot be called 'model'"):
        file_name("model")


def test_a_policy_acts(tmp_path: Path) -> None:
    trained = ganzoo.train(
        "gail", data="cartpole", rounds=1, out=tmp_path / "run", settings=["rollout.steps=16"]
    )
    model = ganzoo.load(f"dir:{ganzoo.export(trained, tmp_path / 'weights')}")
    obs = torch.randn(50, 4)
    assert set(model.act(obs).tolist()) <= {0, 1}
    assert torch.equal(model.act(obs, seed=1), model.act(obs, seed=1))
    with pytest.raises(OptionError, match="has no samples to draw"):
        model.sample(2)
    with pytest.raises(OptionError, match="there is no policy here that acts"):
        ganzoo.load("dcgan/fashion-mnist").act(obs)


def test_a_walk_begins_and_ends_at_its_samples(folder: Path) -> None:
    model = ganzoo.load(f"dir:{folder}")
    walk = model.interpolate(5, steps=4)
    assert walk.shape == (5, 4, 1, 8, 8)
    torch.testing.assert_close(walk[:, 0], model.sample(5, seed=0), atol=1e-4, rtol=0)
    torch.testing.assert_close(walk[:, -1], model.sample(5, seed=1), atol=1e-4, rtol=0)


def test_the_great_circle_keeps_a_constant_length() -> None:
    first, last = torch.nn.functional.normalize(torch.randn(2, 9, 7), dim=2)
    between = circular(first, last, 0.3)
    torch.testing.assert_close(between.norm(dim=1), torch.ones(9))


def test_the_great_circle_between_equal_latents_is_a_point() -> None:
    latents = torch.randn(9, 7)
    torch.testing.assert_close(circular(latents, latents.clone(), 0.3), latents)


def test_saving_again_gives_the_same_bytes(folder: Path) -> None:
    blob = (folder / "model.safetensors").read_bytes()
    config, tensors = opened(blob, "it")
    assert written(tensors, config) == blob


# --------------------------------------------------------------------------------- what is refused


MALFORMED = {
    "empty": (b"", "it is empty"),
    "cut": (None, ""),
    "html": (b"<!doctype html><title>504</title>", "it is a web page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-lfs"),
    "zip": (b"PK\x03\x04" + bytes(64), "zip archive"),
    "pickle": (pickle.dumps({"w": [0.0]}, protocol=4), "it is a pickle"),
    "long header": (b"\xff" * 8 + b"{}", ""),
    "not json": ((3).to_bytes(8, "little") + b"{{{", ""),
    "hole": (
        (h := json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}).encode())
        and len(h).to_bytes(8, "little") + h + bytes(8),
        "",
    ),
    "unknown dtype": (
        (d := json.dumps({"w": {"dtype": "F7", "shape": [1], "data_offsets": [0, 4]}}).encode())
        and len(d).to_bytes(8, "little") + d + bytes(4),
        "",
    ),
    "no config": (safetensors.torch.save({"w": torch.zeros(1)}), ""),
    "other metadata": (safetensors.torch.save({"w": torch.zeros(1)}, {"ganzoo": "{}"}), ""),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_file_that_is_none_is_refused_in_one_sentence(folder: Path, kind: str) -> None:
    blob, sentence = MALFORMED[kind]
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100] if blob is None else blob)
    with pytest.raises(WeightsError) as error:
        ganzoo.load(f"dir:{folder}")
    assert re.match(
        r"the generator of 'dir:.*' is not a ganzoo weight file: .*\.$", str(error.value)
    )
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.pop("layers.0.weight"), r"'layers.0.weight' is missing"),
        (lambda t: t.update(more=torch.zeros(1)), "it also has 'more'"),
        (
            lambda t: t.update({"layers.0.weight": t["layers.0.weight"].half()}),
            r"'layers.0.weight' has dtype torch.float16, not torch.float32",
        ),
        (
            lambda t: t.update({"layers.0.weight": torch.zeros(3)}),
            r"'layers.0.weight' has shape \(3,\), not \(",
        ),
    ],
)
def test_weights_of_another_network_are_refused(
    folder: Path, change: Callable[[dict[str, Tensor]], object], sentence: str
) -> None:
    with pytest.raises(WeightsError, match=sentence):
        ganzoo.load(rewritten(folder, tensors=change))


def wide(fields: dict[str, Any]) -> None:
    fields["variant"]["architecture"]["width"] = 10**9


def huge(fields: dict[str, Any]) -> None:
    fields["variant"]["architecture"] = {"part": "mlp"}
    fields["spaces"]["real"]["shape"] = [10**12]


def strange(fields: dict[str, Any]) -> None:
    fields["variant"]["architecture"] = {"part": "os.system"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (wide, "option 'width' of 'dcgan' cannot be 1000000000"),
        (huge, "does not hold the network that it describes"),
        (strange, "cannot be built here: no architecture 'os.system'"),
        (
            lambda f: f.update(format=2),
            "was written by a later version of ganzoo; upgrade ganzoo-core",
        ),
        (lambda f: f.update(player="discriminator"), "is the file of a discriminator"),
        (lambda f: f.update(code="print(1)"), "is not a ganzoo weight file"),
    ],
)
def test_a_config_cannot_ask_for_more_than_its_file_holds(
    folder: Path, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    with pytest.raises(ZooError, match=sentence):
        ganzoo.load(rewritten(folder, config=change))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("dcgan/fashion-mnits", "did you mean 'dcgan/fashion-mnist'"),
        (
            "google/ddpm",
            "hub:org/repo@COMMIT#FILE, dir:PATH, or run:PATH",
        ),
        ("dcgan/fashion-mnist@99", "has version 1 here"),
        ("hub:org/repo", "does not name a file at a commit"),
        ("hub:org/repo@main#model.safetensors", "40 hexadecimal digits"),
        (f"hub:org/repo@{'a' * 40}#../model.safetensors", "does not name a file at a commit"),
        ("dir:/nowhere", "cannot be read: No such file"),
    ],
)
def test_a_name_that_is_ambiguous_or_unknown_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(WeightsError, match=re.escape(sentence)):
        ganzoo.load(name, offline=True)


def test_a_local_folder_of_a_models_name_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dcgan" / "fashion-mnist").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert ganzoo.load("dcgan/fashion-mnist").sample(2).shape == (2, 1, 28, 28)


def test_a_link_out_of_a_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    path = folder / "model.safetensors"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WeightsError, match="is a link that leaves its folder"):
        ganzoo.load(f"dir:{folder}")


# -------------------------------------------------------------------------------- the registry


def test_every_embedded_file_is_what_the_registry_says_and_samples(zoo: Zoo) -> None:
    for name, model in registry().weights.items():
        for file in model.files:
            blob = embedded_folder(model, zoo).joinpath(file.path).read_bytes()
            assert (len(blob), sha256(blob).hexdigest()) == (file.size, file.sha256), name
            assert file.size <= 4_000_000, name
            config, tensors = opened(blob, name)
            assert written(tensors, config) == blob, name
            assert all(bool(t.isfinite().all()) for t in tensors.values()), name
        loaded = ganzoo.load(name)
        assert loaded.values(2, seed=1)
        assert loaded.discriminator is not None, name
        assert loaded.variant.name == name.split("/")[0]
        assert f'ganzoo.load("{name}")' in loaded.card


def test_a_changed_embedded_file_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, zoo: Zoo
) -> None:
    name = "dcgan/fashion-mnist"
    model = registry().weights[name]
    file = model.file("generator")
    assert file is not None
    blob = bytearray(embedded_folder(model, zoo).joinpath(file.path).read_bytes())
    blob[-1] ^= 1
    (tmp_path / file.path).write_bytes(blob)
    monkeypatch.setattr("ganzoo.plugins.sources.embedded_folder", lambda *_: tmp_path)
    with pytest.raises(WeightsError, match=r"is not what was published: its sha256 is .*Reinstall"):
        ganzoo.load(name)
    (tmp_path / file.path).write_bytes(blob + b"more")
    with pytest.raises(WeightsError, match=r"is not what was published: \d+ bytes, not \d+"):
        ganzoo.load(name)


def test_a_plugin_that_is_not_there_is_named_and_not_installed(zoo: Zoo) -> None:
    model = registry().weights["dcgan/fashion-mnist"].model_copy(update={"plugin": "absent"})
    listing = registry().plugins["dcgan"].model_copy(update={"distribution": "ganzoo-absent"})
    registry().plugins["absent"] = listing
    try:
        with pytest.raises(WeightsError, match="not installed: run 'ganzoo install absent'"):
            embedded_folder(model, zoo)
    finally:
        del registry().plugins["absent"]


ENTRY = {
    "plugin": "dcgan",
    "version": "1",
    "summary": "s",
    "license": "MIT",
    "data": "ring",
    "command": "ganzoo train dcgan --data ring",
    "repo": "ganzoo/dcgan-ring",
    "revision": None,
    "files": [
        {
            "role": "generator",
            "path": "model.safetensors",
            "size": 9,
            "sha256": "0" * 63 + "a",
            "embedded": True,
        }
    ],
}


def text_of(**changes: Any) -> str:
    entry = json.loads(json.dumps(ENTRY))
    entry["files"][0] |= {k: v for k, v in changes.items() if k in entry["files"][0]}
    entry |= {k: v for k, v in changes.items() if k not in entry["files"][0]}
    return yaml.safe_dump({"plugins": {}, "weights": {"dcgan/ring": entry}})


def test_an_entry_as_it_should_be_is_read() -> None:
    assert parsed(text_of(), "it").weights["dcgan/ring"].files[0].size == 9
    third = parsed(text_of(role="encoder", path="encoder.safetensors"), "it")
    assert third.weights["dcgan/ring"].file("encoder") is not None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (text_of(sha256=int("1" * 64)), "sha256"),
        (text_of().replace("0" * 63 + "a", "0" * 64), "sha256"),
        (text_of(role="../encoder"), "role"),
        (text_of(path="../model.safetensors"), "path"),
        (text_of(path="/etc/model.safetensors"), "path"),
        (text_of(path="model.bin"), "path"),
        (text_of(size=3 << 30), "size"),
        (text_of(revision="main"), "revision"),
        (text_of(endpoint="http://elsewhere"), "endpoint"),
        (text_of(command="sh -c true"), "command"),
        (text_of().replace("license: MIT", "license: no"), "license"),
        (text_of() + "plugins: {}\n", "the key 'plugins' appears twice"),
        ("plugins: [", "while parsing"),
    ],
)
def test_what_yaml_takes_in_silence_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ZooError, match=sentence):
        parsed(text, "it")


def test_no_line_unpickles_or_runs_what_it_was_given() -> None:
    calls = r"(?<!safetensors\.)torch\.load\(|(?<![.\w])eval\(|(?<![.\w])exec\("
    words = rf"\bpickle\b|trust_remote_code|{calls}"
    lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in [*ROOT.glob("ganzoo/**/*.py"), *ROOT.glob("plugins/*/ganzoo_*/**/*.py")]
        for line in path.read_text().splitlines()
        if re.search(words, line) and "is a pickle" not in line
    ]
    assert lines == []


def test_offline_nothing_is_asked_for(zoo: Zoo) -> None:
    with pytest.raises(WeightsError, match="is not in the cache, and ganzoo is offline"):
        load(f"hub:org/repo@{'a' * 40}#model.safetensors", offline=True)
    assert source("dcgan/fashion-mnist", Client(offline=True), zoo).read("generator")


def test_a_config_is_written_the_same_whatever_the_order() -> None:
    fields: dict[str, Any] = {"player": "generator", "variant": {"name": "b", "a": 2}}
    fields |= {"data": {"part": "ring"}, "spaces": {"real": {"shape": (2,)}}}
    one = Config(**fields, rounds=1, seed=0)
    other = Config(**{**fields, "variant": {"a": 2, "name": "b"}}, rounds=1, seed=0)
    assert one.canonical() == other.canonical()
