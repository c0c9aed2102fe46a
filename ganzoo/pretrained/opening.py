"""What commands read: a model by its name, or that of a run by the run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import OptionError, RunError, quoted
from ganzoo.parts.arguments import is_path
from ganzoo.plugins.default import chosen_zoo
from ganzoo.plugins.sources import is_model_name
from ganzoo.pretrained.model import RUN, load
from ganzoo.storage.paths import given_path
from ganzoo.training.device import usable
from ganzoo.training.plan import plan_in

if TYPE_CHECKING:
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.pretrained.model import Pretrained


def model_of(what: str | Path, *, device: str | None = None, zoo: Zoo | None = None) -> Pretrained:
    """A model by its name, or that of a run's last checkpoint by the run's folder.

    By default a run's model is put on the run's own device if it is here, and any other on the CPU.
    """
    zoo = chosen_zoo(zoo)
    if not is_path(what):
        message = f"name a model or the folder of a run, not {quoted(what)}."
        raise OptionError(message)
    if is_model_name(str(what), zoo) or str(what).startswith(f"{RUN}:"):
        return load(str(what), device=device or "cpu", zoo=zoo)
    return load(f"{RUN}:{what}", device=device or home_of(given_path(what)), zoo=zoo)


def home_of(run: Path) -> str:
    """The device of a run if it is here, else the CPU."""
    device = plan_in(run).device
    try:
        return str(usable(device))
    except RunError:
        return "cpu"
