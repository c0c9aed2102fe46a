"""Sizes are limited before anything of them is built: options of parts, plans, contests, suites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import ganzoo
from ganzoo.benchmark.contenders import choices_of, crossed
from ganzoo.benchmark.jobs import Contest
from ganzoo.benchmark.suite import load_suite
from ganzoo.errors import OptionError, RunError, ZooError
from ganzoo.training.plan import plan_in, plan_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo

KINDS = ("architecture", "loss", "regularizer", "sampler", "optimizer", "dataset", "metric")


def integers(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a field's JSON schema that take integers."""
    if schema.get("type") == "integer" and "const" not in schema and "enum" not in schema:
        yield schema
    for inner in (*schema.get("anyOf", ()), *schema.get("prefixItems", ())):
        yield from integers(inner)
    if isinstance(schema.get("items"), dict):
        yield from integers(schema["items"])


def test_every_whole_number_that_a_part_takes_has_an_upper_bound(zoo: Zoo) -> None:
    unbounded = [
        f"{kind} {name}.{option}"
        for kind in KINDS
        for name, part in zoo.parts(kind).items()
        for option, schema in part.model_json_schema().get("properties", {}).items()
        for whole in integers(schema)
        if not {"maximum", "exclusiveMaximum"} & whole.keys()
    ]
    assert unbounded == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"seed": 1 << 63},
            (
                "option 'seed' of 'run' cannot be 9223372036854775808: Input should be less than "
                "9223372036854775808."
            ),
        ),
        (
            {"rounds": 10**13},
            (
                "option 'rounds' of 'run' cannot be 10000000000000: Input should be less than or "
                "equal to 1000000000000."
            ),
        ),
        (
            {"seconds": 1e308},
            (
                "option 'seconds' of 'run' cannot be 1e+308: Input should be less than or equal to "
                "1000000000."
            ),
        ),
        (
            {"saves": 10**9},
            (
                "option 'saves' of 'run' cannot be 1000000000: Input should be less than or equal "
                "to 1000000."
            ),
        ),
    ],
)
def test_a_plan_is_of_sizes_that_can_be_run(
    options: dict[str, Any], message: str, zoo: Zoo
) -> None:
    with pytest.raises(OptionError) as caught:
        plan_run(ganzoo.compose("vanilla", data="ring", zoo=zoo), **options)
    assert str(caught.value) == message


TERMS: dict[str, Any] = {"contenders": {"vanilla": "vanilla"}, "data": "ring"}
MANY = {str(number): str(number) for number in range(1000)}


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"seeds": 10**9}, "seeds: about 10^9 are too many: at most 10,000 can be run."),
        ({"seeds": 10_001}, "seeds: 10,001 are too many: at most 10,000 can be run."),
        (
            {"seeds": range(10**9)},
            "seeds: Tuple should have at most 10000 items after validation, not more.",
        ),
        ({"seeds": (1 << 63,)}, "seeds.0: Input should be less than 9223372036854775808."),
        (
            {"contenders": MANY, "seeds": 101},
            "1,000 contenders with 101 seeds each are 101,000 runs: at most 100,000 can be run.",
        ),
        (
            {"contenders": {str(number): "vanilla" for number in range(10_001)}},
            "contenders: Dictionary should have at most 10000 items after validation, not more.",
        ),
        ({"evaluations": 10**9}, "evaluations: Input should be less than or equal to 1000000."),
        ({"budget": {"images": 10**99}}, None),
        ({"budget": {"flops": 1e300}}, None),
        ({"processes": 10**6}, "processes: Input should be less than or equal to 1024."),
    ],
)
def test_a_contest_is_counted_before_it_is_built(
    terms: dict[str, Any], message: str | None
) -> None:
    with pytest.raises(OptionError) as caught:
        Contest.of({**TERMS, **terms})
    assert message in {None, str(caught.value)}


def test_a_grid_is_counted_before_it_is_crossed() -> None:
    ten = [str(number) for number in range(10)]
    for keys, count in ((9, "about 10^9"), (5, "100,000"), (9999, "about 10^9999")):
        with pytest.raises(OptionError) as caught:
            crossed(["vanilla"], {f"key-{number}": ten for number in range(keys)})
        assert str(caught.value) == (
            f"a grid of {count} contenders is too large: at most 10,000 can compete."
        )
    assert len(crossed(["vanilla"], {str(number): ten for number in range(4)})) == 10_000
    with pytest.raises(OptionError, match="a contender of more than 2,000 characters"):
        crossed(["vanilla"], {"loss": ["x" * 2000]})


def test_the_limits_are_those_of_python_too(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="about 10\\^9 are too many"):
        ganzoo.bench(["vanilla"], data="ring", seeds=10**9, out=tmp_path)


# ------------------------------------------------------------------------------------------ suites

HEAD = "title: T\ndata: [ring]\n"
LAUGHS = "".join(
    f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" if n else "x0: &x0 [lol]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "line 1: it is nested more than 64 levels deep."),
        ("- " * 100_000, "line 1: it is nested more than 64 levels deep."),
        ("{a: " * 65, "line 1: it is nested more than 64 levels deep."),
        (LAUGHS, "line 6: it has more than 100,000 values."),
        (HEAD + "contenders: &a [*a]\n", "line 3: '*a' stands for what it is in."),
        (
            HEAD + f"grid: &a {'[' * 40}{']' * 40}\nseeds: {'[' * 40}*a",
            "line 4: it is nested more than 64 levels deep.",
        ),
        (HEAD + "seeds: !!int '3'\n", "line 3: 'tag:yaml.org,2002:int' is a tag; leave it out."),
        (HEAD + "seeds: !!bool x\n", "line 3: 'tag:yaml.org,2002:bool' is a tag; leave it out."),
        (HEAD + "seeds: " + "1:1" * 10_000, "line 3: a value has more than 10,000 characters."),
        (HEAD + "seeds: 1" + ":59" * 999 + ".5", "int too large to convert to float."),
        (HEAD + "seeds: 2001-99-99", "month must be in 1..12."),
        (HEAD + "? [a]\n: b\n", "a key is a list or a mapping."),
        (HEAD + "<<: {a: b}\n", None),
        (HEAD + "contenders: [vanilla]\nseeds: 1000000000\n", None),
        (
            HEAD
            + "contenders: [vanilla]\ngrid:\n"
            + "".join(f"  key-{n}: {list(range(10))}\n" for n in range(9)),
            "a grid of about 10^9 contenders is too large: at most 10,000 can compete.",
        ),
        (
            (
                f"title: T\ndata: {[f'd{n}' for n in range(11)]}\n"
                f"contenders: {[f'c{n}' for n in range(1000)]}\n"
            ),
            "it has more than 10,000 contenders, counted on all of its data.",
        ),
        (f"title: T\ndata: {[f'd{n}' for n in range(101)]}\ncontenders: [a]\n", None),
    ],
)
def test_a_suite_is_of_limited_size_whatever_it_says(
    text: str, message: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ZooError) as caught:
        load_suite(str(path))
    assert message is None or str(caught.value) == f"suite {path}: {message}"


def test_a_suite_that_is_no_file_of_text_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"title: \xff")
    with pytest.raises(ZooError) as caught:
        load_suite(str(path))
    assert str(caught.value) == f"suite {path} cannot be read: it is not UTF-8 at byte 7."
    path.write_bytes(bytes((256 << 10) + 1))
    with pytest.raises(ZooError) as caught:
        load_suite(str(path))
    assert str(caught.value) == f"suite {path} cannot be read: it is larger than 256 KiB."


# ------------------------------------------------------------------------------------ run.json


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "RUN cannot be read: it is not UTF-8 at byte 0."),
        (
            b'{"variant": ' + b"[" * 100,
            "RUN is damaged, or of another version: it is nested more than 64 levels deep.",
        ),
        (b'{"data": "\\ud800"}', None),
    ],
)
def test_a_plan_that_anybody_wrote_is_one_sentence(
    content: bytes, message: str | None, tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RunError) as caught:
        plan_in(tmp_path)
    told = str(caught.value).replace(str(tmp_path / "run.json"), "RUN")
    assert told == message if message else told.startswith("RUN is damaged")


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"a":' * 500 + "1" + "}" * 500])
def test_a_setting_is_of_limited_depth(deep: str, zoo: Zoo) -> None:
    for setting in (f"architecture.width={deep}", f"turns={deep}"):
        with pytest.raises(OptionError) as caught:
            zoo.compose("vanilla", settings=[setting])
        key = setting.partition("=")[0]
        assert str(caught.value) == f"'{key}' cannot be set: it is nested more than 64 levels deep."


def test_settings_are_of_limited_length(zoo: Zoo) -> None:
    with pytest.raises(OptionError) as caught:
        zoo.part("dataset", "folder:path=" + "[" * 100_000)
    start = f"path={'[' * 35}"
    message = f"'{start}...' is longer than 10,000 characters, and is not read."
    assert str(caught.value) == message
    with pytest.raises(OptionError, match="is longer than 10,000 characters"):
        choices_of(["loss=" + "[" * 100_000])
    with pytest.raises(OptionError, match="'path' cannot be set: it is nested more than 64"):
        zoo.part("dataset", "folder:path=" + "[" * 1000)


@pytest.mark.parametrize(
    ("n", "seed", "message"),
    [
        (10**9, 0, "the number of samples must be at most 1,000,000, not 1000000000."),
        (
            1,
            1 << 63,
            "the seed must be at most 9,223,372,036,854,775,807, not 9223372036854775808.",
        ),
    ],
)
def test_samples_are_of_a_number_that_can_be_drawn(n: int, seed: int, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        ganzoo.load("vanilla/ring").sample(n, seed=seed)
    assert str(caught.value) == message
