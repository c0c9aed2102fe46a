from __future__ import annotations

import sys
import tarfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import small_emoji
import torch
from ganzoo_emoji import kept, packages
from ganzoo_emoji.emoji import Emoji
from ganzoo_emoji.features import extractor
from ganzoo_emoji.packages import STYLES, TABLE
from ganzoo_emoji.pictures import picture
from ganzoo_emoji.table import CATEGORIES, emoji_of, is_held_out
from ganzoo_emoji.table import Emoji as Entry
from ganzoo_emoji.wesnoth import Wesnoth
from safetensors import SafetensorError

import ganzoo
from ganzoo.errors import DataError, OptionError
from ganzoo.parts.dataset import Data

Monkey = pytest.MonkeyPatch
SPLITS = ("train", "held_out")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: Monkey) -> Path:
    """A folder with all three tarballs, which GANZOO_DATA names; and a cache of its own."""
    folder = tmp_path / "data"
    small_emoji.packed(folder, monkeypatch)
    monkeypatch.setenv("GANZOO_DATA", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return folder


def names(data: Data) -> dict[str, list[str]]:
    return {s: data.spaces["name"].decode(getattr(data, s).column("name")) for s in SPLITS}


def pictures(data: Data, column: str = "real") -> torch.Tensor:
    return torch.cat([getattr(data, split).columns[column] for split in SPLITS])


def by_name(data: Data, column: str = "real") -> dict[str, torch.Tensor]:
    texts = [text for of_split in names(data).values() for text in of_split]
    return dict(zip(texts, pictures(data, column), strict=True))


def on_white(rgba: np.ndarray, factor: int) -> np.ndarray:
    colour, opacity = rgba[..., :3].astype(float), rgba[..., 3:] / 255
    paper = colour * opacity + 255 * (1 - opacity)
    side = len(rgba) // factor
    return paper.reshape(side, factor, side, factor, 3).mean((1, 3)).transpose(2, 0, 1)


# ---------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("size", [16, 32, 64])
def test_a_pixel_is_the_mean_of_those_it_stands_for_on_white(source: Path, size: int) -> None:
    path = f"img/google/64/{small_emoji.TONED}.png"
    content = small_emoji.files_of("noto")[path]
    found = picture(content, path, size).numpy().astype(float)
    expected = on_white(small_emoji.pixels("noto" + small_emoji.TONED, 64), 64 // size)
    assert np.abs(found - expected).max() <= 1.5


def test_with_opacity_a_pixel_counts_as_much_as_it_is_opaque(source: Path) -> None:
    content = small_emoji.files_of("noto")[f"img/google/64/{small_emoji.TONED}.png"]
    found = picture(content, "it", 32, alpha=True).double() / 255
    rgba = small_emoji.pixels("noto" + small_emoji.TONED, 64)
    colour, opacity = found[:3], found[3:]
    paper = on_white(rgba, 2) / 255
    assert np.abs((colour * opacity + 1 - opacity).numpy() - paper).max() <= 4 / 255
    clear = torch.tensor([1.0, 1, 1, 0], dtype=torch.float64).view(4, 1, 1)
    assert torch.equal(found[:, :, -8:], clear.expand(4, 32, 8))


def test_a_picture_is_cropped_to_its_centre_and_never_enlarged() -> None:
    content = small_emoji.files_of("noto")[f"img/google/64/{small_emoji.TONED}.png"]
    whole = picture(content, "it", 64)
    assert torch.equal(picture(content, "it", 32, side=32), whole[:, 16:48, 16:48])
    with pytest.raises(DataError) as refused:
        picture(content, "it", 128)
    assert str(refused.value) == "it is of 64 pixels a side; it is not enlarged to 128."
    with pytest.raises(DataError) as refused:
        picture(b"no picture", "it", 32)
    assert str(refused.value) == (
        "it cannot be read as an image (cannot identify image): replace it."
    )


# -------------------------------------------------------------------------------------------- rows


def test_the_rows_are_every_picture_but_flags_and_components(source: Path) -> None:
    data = Emoji().load()
    found = names(data)
    assert {*found["train"], *found["held_out"]} == {
        *(f"face {i}" for i in range(24) if i % 4 < 2),
        "face 0 light-skin",
        "face 0 light-skin dark-skin",
    }
    assert data.spaces["label"].names == CATEGORIES[:-1]
    assert data.info["classes"] == 8
    for split, texts in found.items():
        labels = data.spaces["label"].decode(getattr(data, split).column("label"))
        numbers = [int(text.split()[1]) for text in texts]
        assert labels == [small_emoji.CATEGORIES[number % 4] for number in numbers]
    held = len(found["held_out"])
    assert data.remarks == (
        f"14 pictures of 12 emoji, {held} held out.",
        "The pictures are Noto Emoji, Copyright Google LLC, Apache-2.0.",
    )


def test_rows_are_in_the_order_of_a_hash_and_those_of_one_emoji_together() -> None:
    table = emoji_of(small_emoji.files_of("noto")[TABLE], "the table")
    hashes = [sha256(entry.base.encode()).digest() for entry in table]
    assert hashes == sorted(hashes)
    assert len({entry.base for entry in table}) < len(table)


def test_flags_are_a_ninth_category_and_tones_can_be_left_out(source: Path) -> None:
    assert len(pictures(Emoji(flags=True).load())) == 20
    assert len(pictures(Emoji(flags=True, tones="none").load())) == 18
    assert Emoji(flags=True).load().info["classes"] == 9
    assert "dark-skin" not in Emoji(tones="none").load().spaces["name"].vocabulary


def test_all_tones_of_an_emoji_are_in_one_split_in_every_style(source: Path) -> None:
    found = [names(Emoji(style=style, flags=True).load()) for style in STYLES]
    train, held = ([{t.split()[1] for t in f[split]} for f in found] for split in SPLITS)
    assert all(one.isdisjoint(other) for one, other in zip(train, held, strict=True))
    assert held[0] == held[1]
    assert held[2] == held[0] - {"5"}
    for tone in small_emoji.TONES.values():
        entry = Entry(tone, small_emoji.TONED, "Objects", "face")
        assert entry.held_out == is_held_out(small_emoji.TONED)


def test_about_a_fifth_is_held_out_and_always_the_same() -> None:
    held = [is_held_out(str(i)) for i in range(10_000)]
    assert 0.19 < sum(held) / len(held) < 0.21
    assert [i for i in range(39) if held[i]] == [8, 9]


def test_pairs_are_the_emoji_that_both_styles_have(source: Path) -> None:
    pairs = Emoji(style="twemoji", given="fluent").load()
    both = by_name(pairs)
    assert len(both) == 13
    assert "face 5" not in both
    for style, column in (("twemoji", "real"), ("fluent", "given")):
        alone, paired = by_name(Emoji(style=style).load()), by_name(pairs, column)
        assert all(torch.equal(paired[name], alone[name]) for name in both)
    assert pairs.spaces["given"] == pairs.spaces["real"]


def test_sizes_and_channels(source: Path) -> None:
    for options, shape in (
        ({"style": "fluent", "size": 128}, (3, 128, 128)),
        ({"style": "fluent", "size": 64, "alpha": True}, (4, 64, 64)),
        ({"size": 16}, (3, 16, 16)),
    ):
        data = Emoji(**options).load()
        assert data.spaces["real"].shape == shape
        assert pictures(data).shape[1:] == shape
        assert pictures(data).dtype == torch.uint8


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            ["data.size=128"],
            "option 'size' of 'emoji' cannot be 128: pictures of noto have 64 pixels a side.",
        ),
        (
            ["data.style=fluent", "data.size=128", "data.given=noto"],
            "option 'given' of 'emoji' cannot be 'noto': pictures of noto have 64 pixels a side.",
        ),
        (
            ["data.given=noto"],
            "option 'given' of 'emoji' cannot be 'noto': that is the style of 'real'.",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(settings: list[str], sentence: str) -> None:
    with pytest.raises(OptionError) as refused:
        ganzoo.default_zoo().dataset("emoji", settings)
    assert str(refused.value) == sentence


# ------------------------------------------------------------------------------------------- source


def test_what_was_read_is_kept_and_a_damaged_file_is_read_again(source: Path) -> None:
    first = Emoji(alpha=True).load()
    for file in source.iterdir():
        file.rename(source.parent / file.name)
    assert Emoji(alpha=True).load().sha256 == first.sha256
    (file,) = (source.parent / "home/.cache/ganzoo/emoji").iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="^no emoji-datasource-google-16.0.0.tgz in "):
        Emoji(alpha=True).load()
    for package in STYLES.values():
        (source.parent / package.tarball).rename(source / package.tarball)
    assert Emoji(alpha=True).load().sha256 == first.sha256
    content[-1] ^= 1
    assert file.read_bytes() == content


def test_on_a_full_disk_nothing_is_kept(source: Path, monkeypatch: Monkey) -> None:
    def full(*_: object) -> None:
        message = "Error while serializing: I/O error: No space left on device"
        raise SafetensorError(message)

    monkeypatch.setattr(kept, "save_file", full)
    assert len(Emoji(size=16).load().train)
    assert [*(source.parent / "home/.cache/ganzoo/emoji").iterdir()] == []


@pytest.mark.parametrize("below", ["", "node_modules"])
def test_an_unpacked_package_is_the_same_data(
    source: Path, tmp_path: Path, monkeypatch: Monkey, below: str
) -> None:
    whole = Emoji(style="fluent").load()
    for style in ("noto", "fluent"):
        package = STYLES[style]
        folder = tmp_path / "unpacked" / below / package.name
        for path, content in small_emoji.files_of(style).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    monkeypatch.setenv("HOME", str(tmp_path / "another"))
    dataset = Emoji(style="fluent", path=str(tmp_path / "unpacked"))
    assert dataset.load().sha256 == whole.sha256
    changed = next((folder / "assets").iterdir())
    changed.write_bytes(changed.read_bytes() + b"\0")
    monkeypatch.setenv("HOME", str(tmp_path / "a third"))
    with pytest.raises(DataError) as refused:
        dataset.load()
    found = packages.digest(
        {f"assets/{file.name}": file.read_bytes() for file in (folder / "assets").iterdir()}
    )
    assert str(refused.value) == (
        f"{folder} is not @lobehub/fluent-emoji-3d@1.1.0 as published (sha256 {found[:12]}..., not "
        f"{STYLES['fluent'].contents[:12]}...): replace it, as by 'ganzoo data fetch emoji'."
    )


def test_a_checksum_of_files_is_of_their_names_too() -> None:
    assert packages.digest({"a": b"1"}) != packages.digest({"b": b"1"})
    assert packages.digest({"a": b"1", "b": b"2"}) == packages.digest({"b": b"2", "a": b"1"})


def test_a_tarball_that_was_not_published_is_refused_before_it_is_unpacked(
    source: Path, monkeypatch: Monkey
) -> None:
    path = source / STYLES["noto"].tarball
    path.write_bytes(b"other")
    monkeypatch.setattr(tarfile, "open", None)
    with pytest.raises(DataError) as refused:
        Emoji().load()
    assert str(refused.value) == (
        f"{path} is not emoji-datasource-google@16.0.0 as published (sha256 d9298a10d1b0..., not "
        f"{STYLES['noto'].sha256[:12]}...): replace it, as by 'ganzoo data fetch emoji'."
    )


def test_a_missing_package_is_said_with_the_command_that_fetches_it(source: Path) -> None:
    (source / STYLES["fluent"].tarball).unlink()
    with pytest.raises(DataError) as refused:
        Emoji(style="fluent", path=str(source)).load()
    assert str(refused.value) == (
        f"no lobehub-fluent-emoji-3d-1.1.0.tgz in {source}: run 'ganzoo data fetch emoji', or set "
        "GANZOO_DATA to the folder that holds it."
    )


def test_a_file_that_is_too_large_is_not_unpacked(monkeypatch: Monkey) -> None:
    content = small_emoji.tarball({"assets/a.webp": bytes(100)})
    monkeypatch.setattr(packages, "MOST_FILE", 99)
    with pytest.raises(DataError) as refused:
        packages.unpacked(content, STYLES["fluent"].reads, "it")
    assert str(refused.value) == (
        "it cannot be unpacked (package/assets/a.webp takes 100 bytes): replace it, as by "
        "'ganzoo data fetch emoji'."
    )


@pytest.mark.parametrize("length", [2, 3, 10, 40, 120])
def test_a_tarball_that_is_cut_short_is_refused(length: int) -> None:
    content = small_emoji.tarball({"assets/a.webp": bytes(range(256))})[:length]
    with pytest.raises(
        DataError, match=r"^it cannot be unpacked \(.*\): replace it, as by 'ganzoo"
    ):
        packages.unpacked(content, STYLES["fluent"].reads, "it")


# -------------------------------------------------------------------------------------------- fetch

NPM = """#!{python}
import pathlib, shutil, sys
assert sys.argv[1] == "pack"
pathlib.Path("{log}").write_text(" ".join(sys.argv[1:]))
for package in sys.argv[2:]:
    name, _, version = package.rpartition("@")
    tarball = name.removeprefix("@").replace("/", "-") + f"-{{version}}.tgz"
    shutil.copy(pathlib.Path("{source}") / tarball, ".")
"""
"""What npm does, but from a folder."""


def program(folder: Path, text: str, monkeypatch: Monkey) -> None:
    folder.mkdir()
    (folder / "npm").write_text(text)
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_npm_is_asked_for_the_packages_that_are_missing(
    source: Path, tmp_path: Path, monkeypatch: Monkey
) -> None:
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / STYLES["noto"].tarball).write_bytes(
        (source / STYLES["noto"].tarball).read_bytes()
    )
    text = NPM.format(python=sys.executable, log=tmp_path / "log", source=source)
    program(tmp_path / "bin", text, monkeypatch)
    folder = tmp_path / "home/.cache/ganzoo/emoji"
    assert Emoji().fetch() == folder
    assert (tmp_path / "log").read_text() == (
        "pack emoji-datasource-twitter@16.0.0 @lobehub/fluent-emoji-3d@1.1.0"
    )
    assert len(pictures(Emoji(style="twemoji", given="fluent").load())) == 13
    assert Emoji().fetch() == tmp_path / "mine"


def test_without_npm_the_command_is_said(source: Path, tmp_path: Path, monkeypatch: Monkey) -> None:
    monkeypatch.delenv("GANZOO_DATA")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    command = (
        "npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0 "
        "@lobehub/fluent-emoji-3d@1.1.0"
    )
    folder = tmp_path / "home/.cache/ganzoo/emoji"
    with pytest.raises(DataError) as refused:
        Emoji().fetch()
    assert str(refused.value) == (
        f"npm is not installed here: run '{command}' where it is, and put what it writes into "
        f"{folder}, or into the folder that GANZOO_DATA names."
    )
    program(tmp_path / "bin", "#!/bin/sh\necho npm error code E404 >&2\nexit 1\n", monkeypatch)
    with pytest.raises(DataError) as refused:
        Emoji().fetch()
    assert str(refused.value) == f"'{command}' failed in {folder}: npm error code E404."


# ----------------------------------------------------------------------------------------- features


def test_features_of_every_size_and_of_pictures_with_opacity(source: Path) -> None:
    net = extractor(8)
    for size in (16, 32, 64):
        found, logits = net(Emoji(size=size).load().train.column("real"))
        assert found.shape[1:] == (32,)
        assert logits.shape[1:] == (8,)
        assert found.dtype == logits.dtype == torch.float64
        assert float(found.min()) >= 0
    images = torch.rand(2, 4, 32, 32) * 2 - 1
    opacity = (images[:, 3:] + 1) / 2
    assert torch.allclose(net(images)[0], net(images[:, :3] * opacity + (1 - opacity))[0])
    assert extractor(9)(images)[1].shape == (2, 9)


def test_a_variant_trains_on_emoji(source: Path, tmp_path: Path) -> None:
    settings = ["batch=4", "data.size=16", "data.alpha=true"]
    run = ganzoo.train(
        "vanilla", data="emoji:twemoji", rounds=2, out=tmp_path / "run", settings=settings
    )
    assert run.game.rounds == 2
    assert run.game.sample(3)["fake"].shape == (3, 4, 16, 16)


def test_the_readme_lists_every_option() -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text()
    rows = [
        f"| `{dataset.name}.{name}` | `{option.default}` | {option.description} |"
        for dataset in (Emoji, Wesnoth)
        for name, option in dataset.model_fields.items()
    ]
    assert [row for row in rows if row not in page] == []
    assert all(package.notice in page for package in STYLES.values())
