"""Random streams and the order of rows."""

from __future__ import annotations

import torch
from ganzoo_vanilla import Mlp

from ganzoo.engine.streams import Order

SMALL = Mlp(width=16, depth=1)


def test_each_epoch_deals_every_row_once_and_batches_span_epochs() -> None:
    order = Order(10, seed=0, device=torch.device("cpu"))
    rows = torch.cat([order.take(4) for _ in range(5)])
    assert sorted(rows[:10].tolist()) == list(range(10))
    assert sorted(rows[10:].tolist()) == list(range(10))
    assert rows[:10].tolist() != rows[10:].tolist()
