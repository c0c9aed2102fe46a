"""Reduced precision: which passes have it, and what is said of it on a processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ganzoo_vanilla import Mlp
from small import play, points, variant_of
from torch import Tensor, nn

from ganzoo.engine import processor
from ganzoo.engine.game import Game
from ganzoo.engine.processor import is_small, remarks
from ganzoo.engine.step import Step
from ganzoo.parts.part import Regularizer

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = Mlp(width=16, depth=1)
RECOMMENDED = (
    "This machine's CPU multiplies bf16 numbers (amx_bf16): on it, --set precision=bf16 trains "
    "faster."
)
SLOW = (
    "precision=bf16 is slow on this machine's CPU, which has no instructions for it; on it, "
    "--set precision=fp32 trains faster."
)


MUCH = 1 << 25


class Penalty(Regularizer):
    """Notes the types of all that it differentiates, and those inside the network meanwhile."""

    def discriminator(
        self, real: Tensor, score: Callable[[Tensor], Tensor], discriminator: Any
    ) -> Tensor:
        sample = real.clone().requires_grad_()
        INSIDE.clear()
        scores, again = score(sample), discriminator(sample)["score"]
        (slope,) = torch.autograd.grad(scores.sum() + again.sum(), sample, create_graph=True)
        SEEN.extend([*INSIDE, sample.dtype, scores.dtype, again.dtype, slope.dtype])
        return slope.square().sum(1)


SEEN: list[torch.dtype] = []
INSIDE: list[torch.dtype] = []


def test_penalties_see_full_precision_in_every_layer() -> None:
    variant = variant_of(SMALL, precision="bf16", regularizers=(Penalty(),))
    game = Game(variant, points())

    def note(_module: nn.Module, _args: object, out: Tensor) -> None:
        INSIDE.append(out.dtype)

    for module in game.nets["discriminator"].modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(note)
    SEEN.clear()
    play(game, 2)
    assert len(SEEN) == 2 * (4 + 4)
    assert set(SEEN) == {torch.float32}
    INSIDE.clear()
    assert step_of(game)["real_score"].dtype == torch.float32
    assert [torch.bfloat16, torch.bfloat16] == INSIDE  # so the hooks would have seen it
    for params in game.params.values():
        assert {param.dtype for param in params} == {torch.float32}
        assert {param.grad.dtype for param in params if param.grad is not None} == {torch.float32}


def step_of(game: Game) -> Step:
    return game.step("discriminator", rows=torch.arange(8), z=torch.randn(8, 4))


@pytest.mark.parametrize(
    ("flags", "precision", "smallest", "said"),
    [
        ({"avx2": True, "amx_bf16": True}, "fp32", 1, [RECOMMENDED]),
        ({"avx2": True, "amx_bf16": True}, "fp32", MUCH, []),
        ({"avx2": True, "amx_bf16": True}, "bf16", 1, []),
        ({"avx2": True, "amx_bf16": False}, "fp32", 1, []),
        ({"avx2": True, "amx_bf16": False}, "bf16", MUCH, [SLOW]),
        ({}, "bf16", 1, []),
    ],
)
def test_bf16_is_recommended_or_doubted_by_the_processor_and_the_size(
    flags: dict[str, bool],
    precision: str,
    smallest: int,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    game = Game(variant_of(SMALL, precision=precision), points())
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    monkeypatch.setattr(processor, "SMALL", smallest)
    assert remarks(game) == said
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert remarks(game) == []


def test_a_step_is_small_by_its_parameters_times_its_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    game = Game(variant_of(SMALL), points())
    work = 8 * sum(param.numel() for net in game.nets.values() for param in net.parameters())
    monkeypatch.setattr(processor, "SMALL", work)
    assert not is_small(game)
    monkeypatch.setattr(processor, "SMALL", work + 1)
    assert is_small(game)
