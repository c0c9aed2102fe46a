"""Fine-tuning: a run that starts from weights takes those that fit, and says which do not."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

import ganzoo
from ganzoo.errors import RunError, WeightsError
from ganzoo.training import checkpoint
from ganzoo.training.run import Run
from ganzoo.training.start import start_game, weights_of
from ganzoo.training.train import train

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.plugins.zoo import Zoo

SMALL = ["mlp.width=8", "mlp.depth=2", "batch=16", "data.n=200", "data.held_out=100"]


def ran(zoo: Zoo, out: Path, rounds: int = 3, **options: Any) -> Run:
    chosen = {"data": "ring", "settings": SMALL, "out": out, "zoo": zoo, **options}
    return train("vanilla", rounds=rounds, **chosen)


@pytest.fixture(scope="module")
def first(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return ran(zoo, tmp_path_factory.mktemp("first") / "run")


def state(run: Run, player: str) -> dict[str, Tensor]:
    return run.game.nets[player].state_dict()


def begun(out: Path) -> dict[str, Tensor]:
    """What a run was before its first round."""
    return load_file(out / "checkpoints" / "00000000.safetensors")


def test_every_player_starts_from_a_runs_weights(
    zoo: Zoo, first: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ran(zoo, tmp_path, 1, start=first.folder, seed=9)
    before = begun(tmp_path)
    for player in ("generator", "discriminator"):
        for name, value in state(first, player).items():
            assert torch.equal(before[f"{player}.{name}"], value)
    for name, value in state(first, "generator").items():
        assert torch.equal(before[f"average.{name}"], value)  # the average starts there too
    assert capsys.readouterr().err == (
        f"discriminator: 6 of 6 tensors from {first.folder}.\n"
        f"generator: 6 of 6 tensors from {first.folder}.\n"
    )
    path = first.last_checkpoint()
    assert path is not None
    assert json.loads((tmp_path / "run.json").read_text())["start"] == {
        "source": str(first.folder),
        "sha256": {path.name: sha256(path.read_bytes()).hexdigest()},
    }
    assert run.game.rounds == 1


def test_a_models_name_a_folder_of_weights_and_a_run_itself_will_do(
    zoo: Zoo, first: Run, tmp_path: Path
) -> None:
    ganzoo.export(first, tmp_path / "weights", zoo=zoo)
    by_folder = ran(zoo, tmp_path / "a", 1, start=f"dir:{tmp_path / 'weights'}")
    assert by_folder.plan.start is not None
    assert {*by_folder.plan.start.sha256} == {"model.safetensors", "discriminator.safetensors"}
    mine = first.game.frozen().net.state_dict()
    for name, value in mine.items():
        assert torch.equal(begun(tmp_path / "a")[f"generator.{name}"], value)
    by_run = ran(zoo, tmp_path / "b", 1, start=first)
    assert by_run.plan.start is not None
    assert by_run.plan.start.source == str(first.folder)
    settings = ["sampler.dim=2", "batch=4"]
    named = ran(zoo, tmp_path / "c", 1, start="vanilla/ring", settings=settings)
    published = ganzoo.load("vanilla/ring", zoo=zoo).generator.state_dict()
    for name, value in published.items():
        assert torch.equal(begun(tmp_path / "c")[f"generator.{name}"], value)
    assert len(named.remarks) == 2


def test_what_does_not_fit_is_named_and_the_rest_is_taken(
    zoo: Zoo, first: Run, tmp_path: Path
) -> None:
    run = ran(zoo, tmp_path / "a", 1, start=first, settings=[*SMALL, "sampler.dim=3"])
    shapes = f"(8, {first.game.spaces['z'].size}) not (8, 3)"
    name = next(iter(state(first, "generator")))
    assert run.remarks == [
        f"discriminator: 6 of 6 tensors from {first.folder}.",
        f"generator: 5 of 6 tensors from {first.folder}; {name} has another shape, {shapes}.",
    ]
    deeper = ran(zoo, tmp_path / "b", 1, start=first, settings=[*SMALL, "mlp.depth=5"])
    assert deeper.remarks[1] == (
        f"generator: 4 of 12 tensors from {first.folder}; layers.0.4.weight has another shape, "
        "(2, 8) not (8, 8), layers.0.4.bias has another shape, (2,) not (8,), layers.0.6.weight is "
        "not in it, 5 more do not fit."
    )


def test_a_player_that_the_source_lacks_keeps_its_own_start(
    zoo: Zoo, first: Run, tmp_path: Path
) -> None:
    ganzoo.export(first, tmp_path / "weights", zoo=zoo)
    (tmp_path / "weights" / "discriminator.safetensors").unlink()
    source = f"dir:{tmp_path / 'weights'}"
    run = ran(zoo, tmp_path / "run", 1, start=source)
    assert run.remarks[0] == f"discriminator: nothing from {source}, which has none."
    fresh = ganzoo.compose("vanilla", data="ring", settings=SMALL, zoo=zoo).game()
    for name, value in fresh.nets["discriminator"].state_dict().items():
        assert torch.equal(begun(tmp_path / "run")[f"discriminator.{name}"], value)


def test_where_nothing_fits_nothing_is_written(zoo: Zoo, first: Run, tmp_path: Path) -> None:
    settings = ["architecture.width=8", "batch=4"]
    with pytest.raises(WeightsError) as error:
        train("dcgan", settings=settings, start=first, out=tmp_path / "run", zoo=zoo)
    assert str(error.value).startswith(
        "no layer's weights fit: discriminator: 1 of 4 tensors from "
    )
    assert not (tmp_path / "run").exists()


def test_where_no_layer_of_the_generator_fits_the_discriminators_do_not_help(
    zoo: Zoo, first: Run, tmp_path: Path
) -> None:
    wider = weights_of(first.folder, zoo)
    for name, tensor in wider.tensors["generator"].items():
        if tensor.dim() > 1:
            wider.tensors["generator"][name] = tensor.new_zeros(3, 3)  # type: ignore[index]
    with pytest.raises(WeightsError) as error:
        start_game(first.game, wider)
    assert str(error.value).startswith(
        f"no layer's weights of the generator fit: discriminator: 6 of 6 tensors from "
        f"{first.folder}. generator: 3 of 6 tensors from {first.folder}; "
    )


def test_weights_that_are_not_finite_are_refused(zoo: Zoo, first: Run, tmp_path: Path) -> None:
    ganzoo.export(first, tmp_path / "weights", zoo=zoo)
    weights = weights_of(f"dir:{tmp_path / 'weights'}", zoo)
    name, tensor = next(iter(weights.tensors["generator"].items()))
    tensor.view(-1)[0] = float("nan")
    with pytest.raises(
        WeightsError, match=f"^{name} of the generator in '.*' is not finite; start"
    ):
        start_game(first.game, weights)


@pytest.mark.parametrize(
    ("start", "error", "sentence"),
    [
        ("nowhere", RunError, "nowhere holds no run: there is no nowhere/run.json."),
        (
            "vanilla/rng",
            WeightsError,
            "no pretrained model 'vanilla/rng'; did you mean 'vanilla/ri",
        ),
        ("dir:nowhere", WeightsError, "'dir:nowhere' has no weight files."),
    ],
)
def test_a_source_that_there_is_not_is_one_sentence(
    zoo: Zoo, tmp_path: Path, start: str, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error) as raised:
        ran(zoo, tmp_path / "run", start=start)
    assert str(raised.value).startswith(sentence)
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_never_needs_its_source_again(zoo: Zoo, first: Run, tmp_path: Path) -> None:
    ganzoo.export(first, tmp_path / "weights", zoo=zoo)
    source = f"dir:{tmp_path / 'weights'}"
    whole = ran(zoo, tmp_path / "whole", 4, start=source, save_every=2)
    ran(zoo, tmp_path / "cut", 4, start=source, save_every=2)
    for path in (tmp_path / "weights").iterdir():
        path.unlink()
    cut = tmp_path / "cut" / "checkpoints"
    (cut / "00000004.safetensors").unlink()
    resumed = train(out=tmp_path / "cut", start=source, resume=True, zoo=zoo)
    for name, value in whole.game.state()[0].items():
        assert torch.equal(resumed.game.state()[0][name], value), name
    assert resumed.plan == whole.plan
    for path in cut.iterdir():
        path.unlink()
    with pytest.raises(RunError, match="lacks the checkpoint of the weights that it started from"):
        train(out=tmp_path / "cut", resume=True, zoo=zoo)


def test_what_was_recorded_without_a_start_is_read(zoo: Zoo, first: Run) -> None:
    path = first.last_checkpoint()
    assert path is not None
    with checkpoint.reading(path) as (_, facts):
        assert facts["plan"]["start"] is None
    assert Run.open(first.folder, zoo).plan.start is None
