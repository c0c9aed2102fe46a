"""Models by their names, and those of runs by their folders: ``ganzoo.load("NAME")``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import OptionError, RunError, quoted
from ganzoo.parts.arguments import check_arguments, check_required, is_path
from ganzoo.plugins.default import chosen_zoo
from ganzoo.plugins.sources import is_model_name, source
from ganzoo.pretrained.model import Pretrained
from ganzoo.pretrained.runs import RunFolder
from ganzoo.storage.hub import Client
from ganzoo.storage.paths import given_path
from ganzoo.training.device import usable
from ganzoo.training.plan import plan_in

if TYPE_CHECKING:
    import torch

    from ganzoo.plugins.zoo import Zoo

RUN = "run"


def load(
    name: str,
    *,
    device: str | torch.device = "cpu",
    offline: bool = False,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    endpoint: str | None = None,
    timeout: float = 10.0,
    zoo: Zoo | None = None,
) -> Pretrained:
    """Load a model by ``variant/dataset[@version]``, ``dir:PATH``, ``run:PATH`` or ``hub:...``.

    Embedded weights are read from their plugin's wheel; others from the client's cache, or from the
    Hub by their pinned commit. Nothing is installed, and no code from a file is run.

    Args:
        name: The model, in one of the spellings of docs/pretrained.md.
        device: Where its networks are put: ``cpu``, ``cuda``, ``mps``, or ``auto``.
        offline: Never use the network.
        token: As in huggingface_hub, for models that are not public.
        cache_dir: As in huggingface_hub; by default its own cache.
        endpoint: Another Hub, such as a mirror.
        timeout: Seconds that the Hub may take to answer, and a download may stand still.
        zoo: The plugins whose parts build the networks; by default the installed ones.

    Raises:
        WeightsError: If there is no such model, its files cannot be had, or their bytes are not
            those that were published.
        UnknownNameError: If a part of the model belongs to a plugin that is not installed.
        RunError: If the device is not here, or the folder of ``run:PATH`` holds no run.
    """
    zoo = chosen_zoo(zoo)
    check_required(name=name)
    check_arguments(device=device, offline=offline, token=token, endpoint=endpoint)
    check_arguments(cache_dir=cache_dir, timeout=timeout)
    kind, _, path = name.partition(":")
    if path and kind in {RUN, "dir"}:
        check_required(folder=path)
    if kind == RUN:
        return Pretrained(RunFolder.open(path, zoo), zoo, usable(device))
    cache = None if cache_dir is None else given_path(cache_dir)
    client = Client(offline, token, cache, endpoint, timeout)
    return Pretrained(source(name, client, zoo), zoo, usable(device))


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
