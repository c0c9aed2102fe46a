"""Targets that are written by hand: YAML, and what a command line takes."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from fuzz.edits import as_json, as_yaml, damaged, rewritten
from fuzz.trial import Target

from ganzoo.benchmark.contenders import choices_of, contender, crossed, labelled
from ganzoo.benchmark.suite import known_suites, load_suite
from ganzoo.plugins.default import default_zoo
from ganzoo.plugins.registry import parsed
from ganzoo.plugins.sources import is_model_name
from ganzoo.pretrained.opening import load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hypothesis.strategies import SearchStrategy

    from ganzoo.plugins.zoo import Zoo

YAML = (
    b"&a ", b"*a", b"<<: *a\n", b"&a [*a]", b"!!python/object:os.system ", b"!!binary ",
    b"!!int x", b"!!timestamp ", b"2024-13-45", b"1:60:61", b"0x", b"? ", b"- ", b"{", b"[" * 500,
    b"|\n", b"%YAML ", b"\xc2\x85", b"!!float .", b"!!set ", b"---\n", b"...\n", b"0b_", b"=",
    b"[[1]: 2]", b"1e400",
)  # fmt: skip
"""What YAML reads in a way of its own."""
SIGNS = (
    b":", b"=", b",", b"+", b"@", b"/", b"[", b"]", b"{", b"}", b'"', b"\\", b".", b"#", b"data.",
    b"part=", b"{}", b"linear:1:0", b"cosine:1:nan", b"steps:1:0.5=2", b":warmup=0.5", b"-1",
    b"1e999", b"none", b"null", b"turns", b"turns.generator=1", b"optimizers", b"regularizers=",
    b"name=", b"[" * 2000, b'{"part":', b"NaN", b"~", b"hub:", b"dir:", b"run:",
)  # fmt: skip
"""What a command line reads in a way of its own."""


@cache
def zoo() -> Zoo:
    return default_zoo()


def text_of(blob: bytes) -> str:
    """An input as Python gives an argument of the command line."""
    return blob.replace(b"\0", b"").decode("utf-8", "surrogateescape")


def spellings(*wholes: str) -> SearchStrategy[bytes]:
    return damaged([whole.encode() for whole in wholes], SIGNS)


def suites() -> list[Any]:
    return [yaml.safe_load(file.read_text(encoding="utf-8")) for file in known_suites().values()]


def read_suite(blob: bytes, folder: Path) -> object:
    path = folder / "suite.yaml"
    path.write_bytes(blob)
    return load_suite(str(path))


def registries() -> Iterable[Any]:
    text = files("ganzoo.plugins").joinpath("registry.yaml").read_text(encoding="utf-8")
    whole = yaml.safe_load(text)
    small = {
        "plugins": dict([*whole["plugins"].items()][:1]),
        "weights": dict([*whole["weights"].items()][:1]),
    }
    return [small]


def read_registry(blob: bytes, _: Path) -> object:
    return parsed(blob.decode("utf-8", "surrogateescape"), "registry.yaml")


def variants() -> list[Any]:
    return [variant.spec() for variant in zoo().variants.values()]


def read_variant(blob: bytes, _: Path) -> object:
    try:
        spec = json.loads(blob)
    except (ValueError, RecursionError):
        return None  # it is the JSON's value that is read
    return zoo().variant(spec).spec()


def read_setting(blob: bytes, _: Path) -> object:
    text = text_of(blob)
    return zoo().compose("gail" if len(text) % 2 else "wgan-gp", settings=[text])


def read_contender(blob: bytes, _: Path) -> object:
    names = labelled(text_of(blob).split("\n"))
    return [contender(text, zoo()) for text in names.values()]


def read_grid(blob: bytes, _: Path) -> object:
    return [
        contender(text, zoo())
        for text in crossed(["vanilla"], choices_of(text_of(blob).split("\n")))[:9]
    ]


def read_part(blob: bytes, _: Path) -> object:
    text = text_of(blob)
    kind, _, spec = text.partition(" ")
    kinds = ("architecture", "loss", "regularizer", "sampler", "optimizer", "dataset", "metric")
    return zoo().part(kind if kind in kinds else "optimizer", spec).spec()


def read_dataset(blob: bytes, _: Path) -> object:
    spec, *settings = text_of(blob).split(" ")
    return zoo().dataset(spec, settings).spec()


def read_name(blob: bytes, _: Path) -> object:
    name = text_of(blob)
    is_model_name(name, zoo())
    return load(name, offline=True, zoo=zoo())


TARGETS = [
    Target("suite", lambda: rewritten(suites(), as_yaml, YAML), read_suite),
    Target("registry", lambda: rewritten([*registries()], as_yaml, YAML), read_registry),
    Target("variant", lambda: rewritten(variants(), as_json), read_variant),
    Target(
        "setting",
        lambda: spellings(
            "architecture.width=64",
            "batch=8",
            "optimizers.generator.lr=linear:1e-3:0",
            "turns.generator=2",
            'turns=[["generator",1]]',
            "sampler.dim=4",
            "optimizers.generator=rmsprop",
            "gradient-penalty.weight=0.1",
            "source=x",
        ),
        read_setting,
    ),
    Target(
        "contender",
        lambda: spellings(
            "vanilla",
            "hinge+r1@vanilla:loss=hinge,regularizer=r1,r1.weight=0.1",
            "wgan-gp+batch=256+loss=hinge",
            "a@vanilla:loss=hinge\nb@dcgan",
            'x@vanilla:source="a,b=c",batch=4',
            "vanilla/digits@1",
        ),
        read_contender,
    ),
    Target(
        "grid",
        lambda: spellings(
            "loss=hinge,minimax", "batch=8,16\nloss=hinge", 'source="a,b",[1,2]', "sampler.dim=2,4"
        ),
        read_grid,
    ),
    Target(
        "part",
        lambda: spellings(
            "optimizer adam:lr=linear:1e-3:0,betas=[0.5,0.9]",
            "optimizer adam:lr=steps:1:0.5=0.1:warmup=0.1",
            "optimizer adam:lr=cosine:2e-4:1e-5:warmup=0.05",
            "regularizer r1:weight=2",
            "architecture mlp:width=8,depth=2",
            "dataset ring:modes=3",
            "sampler gaussian:dim=3",
        ),
        read_part,
    ),
    Target(
        "dataset",
        lambda: spellings(
            "folder:/x data.size=8",
            "ring:3 data.std=0.1",
            "digits",
            "demonstrations:x.safetensors",
            "parquet:~/x",
            "environment:CartPole-v1",
            "minari:x/y-v0",
            "mnist:32",
        ),
        read_dataset,
    ),
    Target(
        "name",
        lambda: spellings(
            "dcgan/fashion-mnist",
            "vanilla/digits@1",
            f"hub:org/name@{'a' * 40}#model.safetensors",
            "dir:~/x",
            "run:x",
        ),
        read_name,
    ),
]
