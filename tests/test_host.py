"""Games whose sampler acts on the host: ``auto`` takes the CPU for small networks, else the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

import ganzoo
from ganzoo.benchmark.contest import settled
from ganzoo.benchmark.jobs import Contest
from ganzoo.builtin.samplers import Gaussian
from ganzoo.engine.composition import Composition, compose
from ganzoo.engine.explain import explain
from ganzoo.engine.host import MOST, suits_cpu
from ganzoo.errors import ComposeError
from ganzoo.training.device import suited_device
from ganzoo.training.plan import plan_run
from ganzoo.training.train import train

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.plugins.zoo import Zoo


class Stepwise(Gaussian):
    """As if each latent took a step in an environment."""

    on_host = True


REMARK = (
    "Sampler 'stepwise' acts step by step on the host, and networks of {} parameters are too small "
    "to gain by a GPU: --device auto takes the CPU."
)


def composed(zoo: Zoo, *, width: int = 8, sampler: type[Gaussian] = Stepwise) -> Composition:
    settings = [f"mlp.width={width}", "batch=16", "data.n=200", "data.held_out=100"]
    return compose("vanilla", data="ring", sampler=sampler, settings=settings, zoo=zoo)


def parameters(composition: Composition) -> int:
    return sum(p.numel() for net in composition.game().nets.values() for p in net.parameters())


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were a GPU, until something is put on it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "a GPU")


@pytest.mark.usefixtures("gpu")
def test_auto_takes_the_cpu_for_small_networks_that_are_stepped_on_the_host(zoo: Zoo) -> None:
    small, large = composed(zoo), composed(zoo, width=512)
    assert parameters(small) < MOST < parameters(large)
    assert plan_run(small).device == suited_device("auto", small) == "cpu"
    assert plan_run(large).device == suited_device("auto", large) == "cuda"
    assert plan_run(composed(zoo, sampler=Gaussian)).device == "cuda"


def test_an_explicit_device_is_obeyed(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo.training.device.usable", torch.device)
    assert suited_device("cuda:1", composed(zoo)) == "cuda:1"
    assert suited_device("cpu", composed(zoo, width=512)) == "cpu"


@pytest.mark.usefixtures("gpu")
def test_explain_and_the_run_say_so_where_there_is_a_gpu(zoo: Zoo, tmp_path: Path) -> None:
    told = REMARK.format(f"{parameters(composed(zoo)):,}")
    assert told in explain(composed(zoo))["remarks"]
    run = train(composed(zoo), rounds=1, out=tmp_path / "run", zoo=zoo)
    assert run.plan.device == "cpu"
    assert told in run.remarks
    for other in (composed(zoo, width=512), composed(zoo, sampler=Gaussian)):
        assert not any("on the host" in remark for remark in explain(other)["remarks"])


def test_nothing_is_said_where_there_is_none(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert suited_device("auto", composed(zoo)) == "cpu"
    assert not any("on the host" in remark for remark in explain(composed(zoo))["remarks"])


def test_counting_parameters_draws_no_random_number_and_refuses_nothing(zoo: Zoo) -> None:
    before = torch.get_rng_state()
    assert suits_cpu(composed(zoo))
    assert torch.equal(torch.get_rng_state(), before)
    wrong = compose("dcgan", data="ring", sampler=Stepwise, zoo=zoo)  # no images
    assert not suits_cpu(wrong)
    with pytest.raises(ComposeError):
        wrong.game()


@pytest.mark.usefixtures("gpu")
def test_a_contest_has_one_device_which_suits_all_its_contenders(zoo: Zoo) -> None:
    zoo = zoo.with_parts(Stepwise)
    small, large = "vanilla:sampler=stepwise,mlp.width=8", "vanilla:sampler=stepwise,mlp.width=512"
    fields = {"data": "ring", "device": "auto"}

    def device(*contenders: str) -> str:
        contest = Contest.of({**fields, "contenders": {text: text for text in contenders}})
        return settled(contest, zoo).device

    assert device(small) == device(small, "vanilla:sampler=stepwise") == "cpu"
    assert device(small, "gail/cartpole") == "cpu"  # a published model has no game
    assert device(small, large) == device(small, "vanilla") == "cuda"
    given = Contest.of({**fields, "contenders": {small: small}, "device": "cuda"})
    assert settled(given, zoo).device == "cuda"


def test_a_benchmark_records_the_device_that_it_took(zoo: Zoo, tmp_path: Path) -> None:
    settings = ["data.n=200", "data.held_out=100", "mlp.width=8"]
    (made,) = ganzoo.bench(
        ["vanilla"], data="ring", rounds=1, evaluations=1, settings=settings, out=tmp_path, zoo=zoo
    )
    assert made.contest.device == ("cuda" if torch.cuda.is_available() else "cpu")
