"""Text to image within a frame: ``given``, ``text`` and ``mask`` beside ``real``, in one family.

The discriminator is matching-aware (Reed et al. 2016, arXiv:1605.05396, section 4.2): it also sees
real images with the texts of others, and scores them low.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import ganzoo
from ganzoo.builtin.datasets.folder import Folder
from ganzoo.builtin.datasets.given import data_from
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.game import Game
from ganzoo.errors import ComposeError, DataError, OptionError
from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.part import Architecture, Loss
from ganzoo.parts.rows import ResidentRows
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows
from ganzoo.parts.variant import Variant
from ganzoo.plugins.loading import Origin
from ganzoo.plugins.zoo import Zoo
from ganzoo.training.train import train

N, SIDE = 24, 8
COLOURS = ("red", "green", "blue")
TEXT = Space(shape=(3,), vocabulary=("", "a", *COLOURS, "square"))
IMAGE = Space(shape=(3, SIDE, SIDE), bounded=True)
SPACES = {"real": IMAGE, "given": IMAGE, "mask": Space(shape=(1, SIDE, SIDE)), "text": TEXT}


def columns() -> dict[str, Tensor]:
    """Squares of three colours; ``given`` is the image without its square, which ``mask`` is."""
    colour = torch.arange(N) % 3
    stream = torch.Generator().manual_seed(0)
    given = torch.randint(256, (N, 3, SIDE, SIDE), generator=stream, dtype=torch.uint8)
    mask = torch.zeros(N, 1, SIDE, SIDE, dtype=torch.bool)
    mask[:, :, 2:6, 2:6] = True
    square = torch.nn.functional.one_hot(colour, 3).mul(255).byte()[:, :, None, None]
    text = TEXT.encode([f"a {COLOURS[c]} square" if c else COLOURS[c] for c in colour])
    return {
        "real": torch.where(mask, square, given),
        "given": torch.where(mask, 0, given),
        "mask": mask,
        "text": text,
    }


class Squares(Dataset):
    """Squares of three colours, described."""

    streamed: bool = False

    def load(self) -> Data:
        rows: Any = ResidentRows(columns())
        if self.streamed:
            rows = StreamedRows(Listed(columns()), SPACES, index="squares", workers=1)
        return Data(self.name, rows, rows, SPACES)


class Listed:
    """Columns, one row at a time."""

    def __init__(self, columns: dict[str, Tensor]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return N

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {name: column[row] for name, column in self.columns.items()}


class Words(nn.Module):
    """The mean embedding of a text's tokens, (N, 4)."""

    def __init__(self, text: Space) -> None:
        super().__init__()
        self.tokens = nn.Embedding(len(text.vocabulary), 4, padding_idx=0)

    def forward(self, text: Tensor) -> Tensor:
        mean: Tensor = self.tokens(text).sum(1) / (text > 0).sum(1, keepdim=True).clamp(min=1)
        return mean


class Painter(nn.Module):
    """Paints within the mask, and leaves all else as given."""

    def __init__(self, dim: int, text: Space) -> None:
        super().__init__()
        self.words, self.colour = Words(text), nn.Linear(dim + 4, 3)

    def forward(self, z: Tensor, given: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        colour = self.colour(torch.cat([z, self.words(text)], 1)).tanh()
        return torch.lerp(given, colour[:, :, None, None].expand_as(given), mask)


class Critic(nn.Module):
    def __init__(self, text: Space) -> None:
        super().__init__()
        self.words, self.score = Words(text), nn.Linear(6 + 4, 1)

    def forward(self, sample: Tensor, given: Tensor, text: Tensor) -> Tensor:
        seen = torch.cat([sample.mean((2, 3)), given.mean((2, 3)), self.words(text)], 1)
        return self.score(seen).squeeze(1)  # type: ignore[no-any-return]


class Captioned(Architecture):
    """Both networks read the text; the generator also reads the mask."""

    def generator(self, z: Space, text: Space) -> nn.Module:
        return Painter(z.size, text)

    def discriminator(self, text: Space) -> nn.Module:
        return Critic(text)


class MatchingAware(Loss):
    """Real and matching against fake, and against real with another's text."""

    def discriminator(
        self, real_score: Tensor, fake_score: Tensor, score: Any, real: Tensor, text: Tensor
    ) -> Tensor:
        mismatched = score(real, text=text.roll(1, 0))
        return softplus(-real_score) + (softplus(fake_score) + softplus(mismatched)) / 2

    def generator(self, fake_score: Tensor) -> Tensor:
        return softplus(-fake_score)


CAPTIONS = Variant(
    name="captions",
    architecture=Captioned(),
    loss=MatchingAware(),
    sampler=Gaussian(dim=2),
    batch=8,
    data="squares",
)


@ganzoo.hookimpl
def ganzoo_architectures() -> list[type[Architecture]]:
    return [Captioned]


@ganzoo.hookimpl
def ganzoo_losses() -> list[type[Loss]]:
    return [MatchingAware]


@ganzoo.hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [Squares]


@ganzoo.hookimpl
def ganzoo_variants() -> list[Variant]:
    return [CAPTIONS]


@pytest.fixture(scope="module")
def family() -> Zoo:
    return Zoo([(Origin("captions", "ganzoo-captions", "0.1.0"), sys.modules[__name__])])


# ------------------------------------------------------------------------------- texts and masks


def test_texts_are_token_ids_and_back() -> None:
    ids = TEXT.encode(["a red square", "blue", ""])
    assert ids.dtype == torch.int64
    assert ids.tolist() == [[1, 2, 5], [4, 0, 0], [0, 0, 0]]
    assert TEXT.decode(ids) == ["a red square", "blue", ""]
    assert TEXT.encode([]).shape == (0, 3)
    with pytest.raises(OptionError, match=r"^there is no word 'sqare'; did you mean 'square'\?$"):
        TEXT.encode(["a red sqare"])
    with pytest.raises(OptionError, match=r"^'a red red square' has 4 words; 3 at most are"):
        TEXT.encode(["a red red square"])


def test_classes_have_names() -> None:
    pets = Space(classes=3, names=("cat", "dog", "emu"))
    assert pets.encode(["emu", "cat"]).tolist() == [2, 0]
    assert pets.decode(torch.tensor([1, 1])) == ["dog", "dog"]
    with pytest.raises(OptionError, match=r"^there is no class 'eum'; did you mean 'emu'\?$"):
        pets.encode(["eum"])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"classes": 3, "names": ("cat", "dog")}, "3 classes need as many distinct names"),
        ({"classes": 2, "names": ("cat", "cat")}, "2 classes need as many distinct names"),
        ({"shape": (3,), "vocabulary": ("a", "b")}, "a vocabulary begins with '', the padding"),
        ({"shape": (3,), "vocabulary": ("", "a b")}, "a vocabulary begins with '', the padding"),
        ({"vocabulary": ("", "a")}, "a text has a shape (length,) and a vocabulary, and nothing"),
        ({"shape": (3,), "vocabulary": ("", "a"), "bounded": True}, "a text has a shape (length,)"),
    ],
)
def test_a_space_that_is_two_things_is_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match="Value error") as caught:
        Space(**fields)
    assert sentence in str(caught.value)


def test_new_fields_are_written_only_where_they_are_used() -> None:
    assert Space(classes=3).model_dump_json() == (
        '{"shape":[],"classes":3,"bounded":false,"parts":{}}'
    )
    joined = Space.joined({"c": Space(classes=2), "x": Space(bounded=True)})
    assert "names" not in joined.model_dump_json()
    for space in (TEXT, Space(classes=2, names=("cat", "dog"))):
        assert Space.model_validate_json(space.model_dump_json()) == space


def test_a_text_stands_in_no_vector() -> None:
    assert str(TEXT) == "a text of up to 3 of 5 words"
    with pytest.raises(ComposeError, match=r"^'text' \(a text of .*\) cannot be joined"):
        Space.joined({"text": TEXT})
    with pytest.raises(ComposeError, match=r"has no width in a vector: embed its tokens\.$"):
        _ = TEXT.width


def test_a_mask_reads_as_0_and_1_and_ids_as_they_are() -> None:
    for streamed in (False, True):
        train = Squares(streamed=streamed).load().train
        rows = torch.tensor([1, 5])
        assert train.column("mask", rows).unique().tolist() == [0.0, 1.0]
        assert train.column("mask").dtype == torch.float32
        assert train.column("text", rows).tolist() == [[1, 3, 5], [1, 4, 5]]
        assert train.column("given", rows).min() == -1


def test_a_token_beyond_the_vocabulary_is_refused_when_it_is_loaded() -> None:
    text = columns()["text"].clone()
    text[4, 1] = 6
    rows = ResidentRows({**columns(), "text": text})
    with pytest.raises(DataError) as caught:
        Data("squares", rows, rows, SPACES)
    assert str(caught.value) == (
        "dataset 'squares' has the text 6 among its training rows; it says that there are 6 "
        "tokens, 0 to 5."
    )


# ------------------------------------------------------------- trained, resumed, exported, sampled


@pytest.mark.parametrize("streamed", [False, True])
def test_the_family_resumes_bit_for_bit(*, streamed: bool) -> None:
    data = Squares(streamed=streamed).load()
    whole, half = (Game(CAPTIONS, data) for _ in "ab")
    for _ in range(6):
        whole.round()
    for _ in range(3):
        half.round()
    tensors, facts = half.state()
    resumed = Game(CAPTIONS, data)
    resumed.restore({name: value.clone() for name, value in tensors.items()}, facts)
    for _ in range(3):
        resumed.round()
    mine, its = resumed.state()[0], whole.state()[0]
    assert all(torch.equal(value, mine[name]) for name, value in its.items())


def test_streamed_captions_train_as_resident_ones() -> None:
    one, other = (Game(CAPTIONS, Squares(streamed=s).load()) for s in (False, True))
    for game in (one, other):
        for _ in range(4):
            game.round()
    mine, its = one.state()[0], other.state()[0]
    assert all(torch.equal(value, mine[name]) for name, value in its.items())


def test_the_mismatched_text_reaches_the_discriminator() -> None:
    game = Game(CAPTIONS, Squares().load())
    step = game.step("discriminator", rows=torch.arange(8), z=torch.zeros(8, 2))
    matched, mismatched = step["real_score"], step.score(step["real"], text=step["text"].roll(1, 0))
    assert torch.equal(matched, step.score(step["real"]))
    assert not torch.allclose(matched, mismatched)


def test_the_family_is_trained_exported_loaded_and_sampled(family: Zoo, tmp_path: Path) -> None:
    run = train("captions", rounds=3, out=tmp_path / "run", zoo=family)
    made = run.game.sample(6)  # of the held-out rows' own frames and texts
    frame = made["mask"].expand_as(made["fake"]) == 0
    assert torch.equal(made["fake"][frame], made["given"][frame])
    assert made["text"].shape == (6, 3)
    given = {"text": TEXT.encode(["a red square", "a blue square"])}
    assert torch.equal(run.game.sample(2, given=given)["text"], given["text"])
    with pytest.raises(OptionError, match=r"^text 9 is none of the 6 tokens, 0 to 5\.$"):
        run.game.sample(1, given={"text": torch.tensor([[9, 0, 0]])})
    out = ganzoo.export(run, tmp_path / "weights", zoo=family)
    model = ganzoo.load(f"dir:{out}", zoo=family)
    text = model.config.spaces["text"]
    assert text == TEXT  # the vocabulary lies in the file
    given |= {name: run.game.train.column(name, torch.arange(2)) for name in ("given", "mask")}
    given["text"] = text.encode(["a red square", "blue"])
    sampled = model.frozen.sample(2, seed=0, given=given)["fake"]
    assert torch.equal(sampled, run.game.sample(2, seed=0, given=given)["fake"])
    assert sampled.shape == (2, 3, SIDE, SIDE)


# ------------------------------------------------------------------------------ given from Python


def test_columns_of_any_kind_are_given_from_python() -> None:
    pixels = np.zeros((N, SIDE, SIDE, 3), dtype=np.uint8)
    data = data_from(
        {
            "real": pixels,
            "given": torch.zeros(N, 3, SIDE, SIDE).uniform_(-1, 1),
            "mask": np.zeros((N, SIDE, SIDE), dtype=bool),
            "text": [f"a {COLOURS[i % 3]} square" for i in range(N)],
            "label": ["dog" if i % 2 else "cat" for i in range(N)],
            "digit": np.arange(N) % 5 - 1,
        }
    )
    assert (len(data.train), len(data.held_out)) == (22, 2)
    assert data.spaces == {
        "real": IMAGE,
        "given": IMAGE,
        "mask": Space(shape=(1, SIDE, SIDE)),
        "text": Space(shape=(3,), vocabulary=("", "a", "blue", "green", "red", "square")),
        "label": Space(classes=2, names=("cat", "dog")),
        "digit": Space(classes=4, partial=True),
    }
    assert data.train.column("digit_known").dtype == torch.bool
    Game(CAPTIONS, data).round()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([1, 2], "data of the type list cannot be trained on: give a tensor, an array, a dict"),
        ({"image": torch.zeros(4, 2)}, "data need a column 'real'; there is: image."),
        (torch.zeros(1, 2), "data of 1 row cannot be trained on: two are needed"),
        (torch.tensor(1.0), "column 'real' of shape () has no rows."),
        (torch.empty(9, 0), "column 'real' of shape (9, 0) holds no numbers."),
        (torch.empty(9, 2, device="meta"), "column 'real' of shape (9, 2) holds no numbers."),
        (torch.zeros(4, 2, 8, 8), "column 'real' of shape (4, 2, 8, 8) is none of images: give"),
        (torch.rand(4, 1, 8, 8), "they must fill [-1, 1]: give 2 * x - 1."),
        (torch.rand(4, 1, 8, 8) * 255, "they must be in [-1, 1]: give uint8, or x / 127.5 - 1."),
        (torch.tensor([[0.0], [float("nan")]]), "has a number that is not finite, in row 1."),
        (torch.arange(8), "column 'real' of int64 and shape (8,) is neither images (uint8, or"),
        (np.array(["a", "b"]), "column 'real' is no array of numbers: "),
        ({"real": torch.zeros(4, 2), "label": torch.tensor([0, -2, 1, 1])}, "the class -2; they"),
        ({"real": torch.zeros(4, 2), "label": torch.zeros(3).long()}, "real has 4, label has 3."),
    ],
)
def test_what_cannot_be_trained_on_is_answered_in_a_sentence(given: Any, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        data_from(given)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_order_of_dimensions_is_told_by_the_channels() -> None:
    for shape in ((N, 3, 8, 10), (N, 8, 10, 3)):
        for make in (torch.tensor, np.array):
            images = make(np.zeros(shape, dtype=np.uint8))
            assert data_from(images).spaces["real"].shape == (3, 8, 10)
    both = np.zeros((N, 3, 8, 3), dtype=np.uint8)  # as its library has it
    assert data_from(both).spaces["real"].shape == (3, 3, 8)
    assert data_from(torch.tensor(both)).spaces["real"].shape == (3, 8, 3)


def test_data_are_given_as_they_are() -> None:
    data = Squares().load()
    assert data_from(data) is data
    images = torch.randint(256, (30, 1, 8, 8), dtype=torch.uint8)
    assert data_from(images).sha256 == data_from(images.numpy()).sha256
    assert "features" in data_from(images).info


def test_folders_keep_the_names_of_their_classes(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("emu", "cat"):
        for number in range(3):
            path = tmp_path / name / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (8, 8)).save(path)
    label = Folder(path=str(tmp_path)).load().spaces["label"]
    assert label.names == ("cat", "emu")
    assert label.decode(torch.tensor([1, 0])) == ["emu", "cat"]
