"""Pretrained models by name: ``ganzoo.load("VARIANT/DATASET").sample(64)``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.errors import OptionError, WeightsError
from ganzoo.parts.needs import accepts, as_heads, reads
from ganzoo.plugins.default import default_zoo
from ganzoo.plugins.sources import Source, source
from ganzoo.pretrained.build import network
from ganzoo.pretrained.cards import card
from ganzoo.pretrained.data import DataInfo, HeldOutRows
from ganzoo.storage.hub import Client
from ganzoo.storage.weight_file import Config, opened

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.parts.dataset import Data
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo


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
    """Load a pretrained model by ``variant/dataset[@version]``, ``dir:PATH`` or ``hub:...``.

    Embedded weights are read from their plugin's wheel; others from the client's cache, or from the
    Hub by their pinned commit. Nothing is installed, and no code from a file is run.

    Args:
        name: The model, in one of the spellings of docs/pretrained.md.
        device: Where its networks are put.
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
    """
    zoo = zoo or default_zoo()
    client = Client(offline, token, cache_dir, endpoint, timeout)
    return Pretrained(source(name, client, zoo), zoo, torch.device(device))


class Pretrained:
    """A trained model: its generator, and the networks of other players if they are published."""

    def __init__(self, found: Source, zoo: Zoo, device: torch.device) -> None:
        """Read and build the generator of ``found``; ``load`` makes a model by its name."""
        self.source, self.zoo, self.device = found, zoo, device
        self.name, self.model = found.name, found.model
        self._networks: dict[str, nn.Module] = {}
        loaded = self._load("generator")
        if loaded is None:
            message = f"'{self.name}' has no generator."
            raise WeightsError(message)
        self.config, self.generator = loaded
        self.variant: Variant = zoo.variant(self.config.variant)

    def __repr__(self) -> str:
        """Its name and what it samples."""
        return f"<{self.name}: {self.config.spaces['real']} samples of {self.variant.name}>"

    # ------------------------------------------------------------------------------------ networks

    def network(self, player: str) -> nn.Module:
        """The network of any player, such as an ``encoder``, in eval mode on the model's device.

        It is read when it is first asked for. Raises WeightsError, which lists the players, if this
        one's network is not published.
        """
        if player not in self._networks and self._load(player) is None:
            listed = ", ".join(self.source.players) or "none"
            message = f"the {player} of '{self.name}' is not published; it has: {listed}."
            raise WeightsError(message)
        return self._networks[player]

    @property
    def discriminator(self) -> nn.Module | None:
        """The discriminator, read when it is first asked for; None if it is not published."""
        if "discriminator" not in self._networks and self._load("discriminator") is None:
            return None
        return self._networks["discriminator"]

    def _load(self, player: str) -> tuple[Config, nn.Module] | None:
        blob = self.source.read(player)
        if blob is None:
            return None
        who = f"the {player} of '{self.name}'"
        config, tensors = opened(blob, who)
        if config.player != player:
            message = f"{who} is the file of a {config.player}."
            raise WeightsError(message)
        built = network(config, tensors, self.zoo, who).to(self.device)
        self._networks[player] = built
        return config, built

    def to(self, device: str | torch.device) -> Pretrained:
        """Move its networks to a device, in place; returns the model."""
        self.device = torch.device(device)
        for net in self._networks.values():
            net.to(self.device)
        self.__dict__.pop("frozen", None)  # it holds the old device
        return self

    @cached_property
    def frozen(self) -> FrozenGenerator:
        """The generator together with its sampler, to draw from."""
        spaces = self.config.spaces
        return FrozenGenerator(
            self.generator,
            reads=reads(self.generator.forward),
            accepts=accepts(self.generator.forward),
            sampler=self.variant.sampler.at(self.config.progress),
            spaces={**spaces, **self.variant.sampler.spaces(spaces)},
            device=self.device,
            rows=HeldOutRows(lambda: self.data, spaces),
            lazy=True,
            info=DataInfo(lambda: self.data),
            progress=self.config.progress,
        )

    @cached_property
    def data(self) -> Data:
        """The dataset that it was trained on, loaded when it is first asked for."""
        loaded: Data = self.zoo.part("dataset", self.config.data).load()
        return loaded

    @property
    def card(self) -> str:
        """Its description as Markdown: origin, licence, files, and scores with their protocols."""
        return card(self.name, self.config, self.model)

    # ------------------------------------------------------------------------------------- samples

    def sample(
        self,
        n: int = 64,
        *,
        seed: int = 0,
        label: int | Tensor | None = None,
        codes: Mapping[str, float | Tensor] | None = None,
        given: Mapping[str, float | Tensor] | None = None,
    ) -> Tensor:
        """Draw ``n`` samples, (n, *shape), on the CPU; images are in [-1, 1].

        The same seed gives the same samples. What is not given is drawn.

        Args:
            n: How many samples.
            seed: Fixes everything that is drawn.
            label: One class for all samples, or one for each, int64, (n,).
            codes: Parts of ``code`` by name: ``{"c1": 0.5}`` is ``given={"code.c1": 0.5}``.
            given: Any values that samples are made from, by name (see ``values``).

        Raises:
            OptionError: If the generator does not read one of the values, or a value is out of
                range, or the model is a policy and has no samples.
        """
        fixed = {**(given or {}), **{f"code.{k}": v for k, v in (codes or {}).items()}}
        if label is not None:
            fixed["label"] = label
        made = self.values(n, seed=seed, given=fixed)
        if "fake" not in made:
            message = f"'{self.name}' acts and has no samples to draw; call act(obs), or values(n)."
            raise OptionError(message)
        return made["fake"]

    def values(
        self, n: int = 64, *, seed: int = 0, given: Mapping[str, float | Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Draw ``n`` samples with all that belongs to them, by name, each (n, ...) on the CPU.

        ``fake`` is the sample itself; the others are what it was made from, such as ``z`` or
        ``label``, and the generator's other heads.

        ``given`` fixes values by name: a number for all samples, or a tensor (n, ...). A part of a
        vector is ``NAME.PART``, as in ``{"code.c1": 0.5}``. Raises OptionError for a name that no
        sample is made from, or a value out of range.
        """
        whole = {name: self._filled(value, n) for name, value in (given or {}).items()}
        return self.frozen.sample(n, seed=seed, given=whole)

    def _filled(self, value: float | Tensor, n: int) -> Tensor:
        if isinstance(value, Tensor):
            return value.to(self.device)
        return torch.full((n,), value, device=self.device)

    def interpolate(self, n: int = 8, *, steps: int = 10, seed: int = 0) -> Tensor:
        """``n`` walks from one latent to another, (n, steps, *shape); all other values stay fixed.

        Normal latents walk along the great circle (White 2016, arXiv:1609.04468), since a straight
        line between two leads through lengths that are almost never drawn; bounded latents walk
        straight. Raises OptionError if the model has no latent ``z``.
        """
        spaces = self.frozen.spaces
        first, last = (self.frozen.generate(n, seed=s, given={}) for s in (2 * seed, 2 * seed + 1))
        if "z" not in first:
            message = f"'{self.name}' has no latent z to walk through."
            raise OptionError(message)
        between = straight if spaces["z"].bounded else circular
        made = []
        for share in torch.linspace(0, 1, steps).tolist():
            fixed = {k: v.to(self.device) for k, v in first.items() if k in self.frozen.reads}
            z = between(first["z"], last["z"], share).to(self.device)
            made.append(self.frozen.generate(n, seed=seed, given={**fixed, "z": z})["fake"])
        return torch.stack(made, 1)

    @torch.no_grad()
    def score(self, samples: Tensor, **values: Tensor) -> Tensor:
        """The discriminator's scores of samples, (N,), on the CPU; a high score means real.

        ``values`` are the other values that it reads, such as ``label=``. Raises OptionError if no
        discriminator is published.
        """
        if self.discriminator is None:
            message = f"the discriminator of '{self.name}' is not published."
            raise OptionError(message)
        moved = {name: value.to(self.device) for name, value in values.items()}
        heads = as_heads(self.discriminator(samples.to(self.device), **moved), "score")
        return heads["score"].cpu()

    def act(self, obs: Tensor, *, seed: int | None = None) -> Tensor:
        """Actions for observations, (N, d): the most likely ones, or drawn if a seed is given.

        Raises OptionError if the generator is no policy.
        """
        return self.variant.sampler.act(self.frozen, obs, seed=seed)


def straight(first: Tensor, last: Tensor, share: float) -> Tensor:
    """The points at a share, in [0, 1], of the straight way between latents, each (N, d)."""
    return torch.lerp(first, last, share)


def circular(first: Tensor, last: Tensor, share: float) -> Tensor:
    """The points at a share, in [0, 1], of the great circle between latents, each (N, d).

    If the two lengths differ, the length changes evenly along the way.
    """
    cosine = nn.functional.cosine_similarity(first, last, dim=1).clamp(-1, 1)[:, None]
    # Equal latents would divide zero by zero; at a tiny angle the way is straight.
    angle = cosine.acos().clamp(min=1e-3)
    sine = angle.sin()
    return ((1 - share) * angle).sin() / sine * first + (share * angle).sin() / sine * last
