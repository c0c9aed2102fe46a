"""Pretrained models by name: ``ganzoo.load("VARIANT/DATASET").sample(64)``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.errors import OptionError, WeightsError
from ganzoo.parts.needs import accepts, as_heads, reads
from ganzoo.plugins.default import default_zoo
from ganzoo.pretrained.build import network
from ganzoo.pretrained.sources import Source, source
from ganzoo.storage.hub import Client
from ganzoo.storage.weight_file import Config, opened

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.parts.dataset import Data
    from ganzoo.parts.part import Player
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
    """A pretrained model by ``variant/dataset[@version]``; also ``dir:PATH``, ``hub:...``.

    Embedded weights are read from their plugin's wheel, others from the client's cache or from the
    Hub by pinned commit; nothing is ever installed. ``timeout`` is how long the Hub may take to
    answer, in seconds. Raises WeightsError where the bytes are not those that were published.
    """
    zoo = zoo or default_zoo()
    client = Client(offline, token, cache_dir, endpoint, timeout)
    return Pretrained(source(name, client, zoo), zoo, torch.device(device))


class Pretrained:
    """A trained model: its generator, and its discriminator where that is published too."""

    def __init__(self, found: Source, zoo: Zoo, device: torch.device) -> None:
        """Read and build the generator; ``load`` makes one by name."""
        self.source, self.zoo, self.device = found, zoo, device
        self.name, self.model = found.name, found.model
        loaded = self._network("generator")
        if loaded is None:
            message = f"'{self.name}' has no generator."
            raise WeightsError(message)
        self.config, self.generator = loaded
        self.variant: Variant = zoo.variant(self.config.variant)

    def __repr__(self) -> str:
        """Its name and what it samples."""
        return f"<{self.name}: {self.config.spaces['real']} samples of {self.variant.name}>"

    def _network(self, role: Player) -> tuple[Config, nn.Module] | None:
        blob = self.source.read(role)
        if blob is None:
            return None
        who = f"the {role} of '{self.name}'"
        config, tensors = opened(blob, who)
        if config.player != role:
            message = f"{who} is the file of a {config.player}."
            raise WeightsError(message)
        return config, network(config, tensors, self.zoo, who).to(self.device)

    def to(self, device: str | torch.device) -> Pretrained:
        """Move its networks, in place."""
        self.device = torch.device(device)
        self.generator.to(self.device)
        if "discriminator" in self.__dict__ and self.discriminator is not None:
            self.discriminator.to(self.device)
        self.__dict__.pop("frozen", None)
        return self

    @cached_property
    def discriminator(self) -> nn.Module | None:
        """The discriminator, read when it is first asked for; None where none is published."""
        loaded = self._network("discriminator")
        return None if loaded is None else loaded[1]

    @cached_property
    def frozen(self) -> FrozenGenerator:
        """The generator with its sampler, to draw from."""
        spaces = self.config.spaces
        return FrozenGenerator(
            self.generator,
            reads=reads(self.generator.forward),
            accepts=accepts(self.generator.forward),
            sampler=self.variant.sampler,
            spaces={**spaces, **self.variant.sampler.spaces(spaces)},
            device=self.device,
            info=Facts(self),
        )

    @cached_property
    def data(self) -> Data:
        """The dataset that it was trained on, loaded when it is first asked for."""
        loaded: Data = self.zoo.part("dataset", self.config.data).load()
        return loaded

    @property
    def card(self) -> str:
        """What it is, where it comes from, and how well it does, as Markdown."""
        from ganzoo.pretrained.cards import card

        return card(self.name, self.config, self.model)

    # ------------------------------------------------------------------------------------- samples

    def sample(
        self,
        n: int = 64,
        *,
        seed: int = 0,
        label: int | Tensor | None = None,
        codes: Mapping[str, float | Tensor] | None = None,
    ) -> Tensor:
        """``n`` samples, (n, *shape), on the CPU, repeatable by seed; images in [-1, 1].

        ``label`` is one class or (n,) of them; ``codes`` are values of ``code``'s parts by name, as
        ``{"c1": 0.5}``. Raises OptionError for what no sample is made from.
        """
        given: dict[str, float | Tensor] = {f"code.{k}": v for k, v in (codes or {}).items()}
        if label is not None:
            given["label"] = label
        made = self.values(n, seed=seed, given=given)
        if "fake" not in made:
            message = f"'{self.name}' acts and has no samples to draw; call act(obs), or values(n)."
            raise OptionError(message)
        return made["fake"]

    def values(
        self, n: int = 64, *, seed: int = 0, given: Mapping[str, float | Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Everything about ``n`` samples by name: ``fake``, what it was made from, other heads."""
        whole = {name: self._filled(value, n) for name, value in (given or {}).items()}
        return self.frozen.sample(n, seed=seed, given=whole)

    def _filled(self, value: float | Tensor, n: int) -> Tensor:
        if isinstance(value, Tensor):
            return value.to(self.device)
        return torch.full((n,), value, device=self.device)

    def interpolate(self, n: int = 8, *, steps: int = 10, seed: int = 0) -> Tensor:
        """``n`` walks from one latent to another, (n, steps, *shape); all else stays as it was.

        On the great circle where latents are normal (White 2016, arXiv:1609.04468), straight where
        they are bounded.
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
        """The discriminator's score of samples, (N,), high for real.

        ``values`` is what else it reads, as ``label=``. Raises OptionError where no discriminator
        is published.
        """
        if self.discriminator is None:
            message = f"the discriminator of '{self.name}' is not published."
            raise OptionError(message)
        moved = {name: value.to(self.device) for name, value in values.items()}
        heads = as_heads(self.discriminator(samples.to(self.device), **moved), "score")
        return heads["score"].cpu()

    def act(self, obs: Tensor, *, seed: int | None = None) -> Tensor:
        """Actions for observations, (N, d): the likeliest, or drawn where a seed is given.

        Raises OptionError where the generator is no policy.
        """
        return self.variant.sampler.act(self.frozen, obs, seed=seed)


class Facts(Mapping[str, object]):
    """What is known of a model's data, loaded when the first of it is read: images need none."""

    def __init__(self, model: Pretrained) -> None:
        """Of the dataset that the model was trained on."""
        self._model = model

    def __getitem__(self, name: str) -> object:
        return self._model.data.info[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._model.data.info)

    def __len__(self) -> int:
        return len(self._model.data.info)


def straight(first: Tensor, last: Tensor, share: float) -> Tensor:
    """The point at a share of the way."""
    return torch.lerp(first, last, share)


def circular(first: Tensor, last: Tensor, share: float) -> Tensor:
    """The point at a share of the way on the great circle; lengths change evenly."""
    cosine = nn.functional.cosine_similarity(first, last, dim=1).clamp(-1, 1)[:, None]
    angle = cosine.acos()
    sine = angle.sin().clamp(min=1e-6)
    return ((1 - share) * angle).sin() / sine * first + (share * angle).sin() / sine * last
