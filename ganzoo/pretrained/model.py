"""Pretrained models by name: ``ganzoo.load("VARIANT/DATASET").sample(64)``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.engine.build import Network
from ganzoo.engine.composition import loaded
from ganzoo.engine.fixed import numbers, whole
from ganzoo.engine.sampling import FrozenGenerator
from ganzoo.errors import OptionError, WeightsError
from ganzoo.parts.arguments import MOST, check_arguments
from ganzoo.parts.part import DISCRIMINATOR, GENERATOR
from ganzoo.plugins.sources import Source
from ganzoo.pretrained.build import network
from ganzoo.pretrained.cards import card
from ganzoo.pretrained.data import DataInfo, HeldOutRows, require_imported
from ganzoo.pretrained.judge import Judge
from ganzoo.pretrained.runs import RunFolder
from ganzoo.pretrained.walks import circular, straight
from ganzoo.storage.weight_file import Config, opened
from ganzoo.training.device import usable

if TYPE_CHECKING:
    from ganzoo.engine.fixed import Given
    from ganzoo.parts.dataset import Data, Dataset
    from ganzoo.parts.space import Space
    from ganzoo.parts.variant import Variant
    from ganzoo.plugins.zoo import Zoo


class Pretrained:
    """A trained model: its generator, and the networks of other players if they are published."""

    def __init__(self, found: Source, zoo: Zoo, device: torch.device) -> None:
        """Read and build the generator of ``found``; ``load`` makes a model by its name."""
        self.source, self.zoo, self.device = found, zoo, device
        self.name, self.model = found.name, found.model
        self._networks: dict[str, Network] = {}
        config = self._load(GENERATOR)
        if config is None:
            message = f"'{self.name}' has no generator."
            raise WeightsError(message)
        self.config = config
        self.variant: Variant = zoo.variant(config.variant)

    def __repr__(self) -> str:
        """Its name and what it samples."""
        return f"<{self.name}: {self.config.spaces['real']} samples of {self.variant.name}>"

    # ------------------------------------------------------------------------------------ networks

    @property
    def generator(self) -> nn.Module:
        """The generator, in eval mode on the model's device."""
        return self._networks[GENERATOR].net

    def network(self, player: str) -> nn.Module:
        """The network of any player, such as an ``encoder``, in eval mode on the model's device.

        It is read when it is first asked for. Raises WeightsError, which lists the players, if this
        one's network is not published.
        """
        check_arguments(player=player)
        found = self.built(player) if player in self.source.players else None
        if found is None:
            listed = ", ".join(self.source.players) or "none"
            message = f"the {player} of '{self.name}' is not published; it has: {listed}."
            raise WeightsError(message)
        return found.net

    @property
    def discriminator(self) -> nn.Module | None:
        """The discriminator, read when it is first asked for; None if it is not published."""
        found = self.built(DISCRIMINATOR)
        return None if found is None else found.net

    @property
    def judge(self) -> Judge | None:
        """The discriminator with what is known of its samples; None if it is not published."""
        found, progress = self.built(DISCRIMINATOR), self.config.progress
        if found is None:
            return None
        return Judge(self.name, found, self.spaces, self.device, progress)

    def built(self, player: str) -> Network | None:
        """A player's network with what it names; None if it is not published."""
        if player not in self._networks:
            self._load(player)
        return self._networks.get(player)

    def _load(self, player: str) -> Config | None:
        blob = self.source.read(player)
        if blob is None:
            return None
        who = f"the {player} of '{self.name}'"
        config, tensors = opened(blob, who)
        if config.player != player:
            message = f"{who} is the file of a {config.player}."
            raise WeightsError(message)
        self._networks[player] = built = network(config, tensors, self.zoo, who)
        built.net.to(self.device)
        return config

    def to(self, device: str | torch.device) -> Pretrained:
        """Move its networks to a device, in place; returns the model. Raises RunError."""
        self.device = usable(device)
        for made in self._networks.values():
            made.net.to(self.device)
        self.__dict__.pop("frozen", None)  # it holds the old device
        return self

    @cached_property
    def frozen(self) -> FrozenGenerator:
        """The generator together with its sampler, to draw from."""
        made = self._networks[GENERATOR]
        return FrozenGenerator(
            made.net,
            reads=made.reads,
            accepts=made.accepts,
            sampler=self.variant.sampler.at(self.config.progress),
            spaces=self.spaces,
            device=self.device,
            rows=HeldOutRows(lambda: self.data, self.config.spaces),
            lazy=True,
            info=DataInfo(lambda: self.data, lambda: self.recalled),
            progress=self.config.progress,
        )

    @property
    def spaces(self) -> dict[str, Space]:
        """The space of every value that its data have or its sampler deals, by name."""
        spaces = self.config.spaces
        return {**spaces, **self.variant.sampler.spaces(spaces)}

    @cached_property
    def data(self) -> Data:
        """The dataset that it was trained on, loaded when it is first asked for."""
        return loaded(self.dataset)

    @cached_property
    def recalled(self) -> Mapping[str, object]:
        """What the weight file says of the data's facts, so that they need not be loaded."""
        found: Mapping[str, object] = self.dataset.recalled(self.config.recorded)
        return found

    @property
    def dataset(self) -> Dataset:
        """What its data are, not loaded; WeightsError if a weight file names a module to import."""
        dataset: Dataset = self.zoo.part("dataset", self.config.data)
        if not isinstance(self.source, RunFolder):
            require_imported(dataset, self.name)
        return dataset

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
        label: Given | None = None,
        codes: Mapping[str, Given] | None = None,
        given: Mapping[str, Given] | None = None,
    ) -> Tensor:
        """Draw ``n`` samples, (n, *shape), on the CPU; images are in [-1, 1].

        The same seed gives the same samples, of which ``sample(k)`` are the first k. What is not
        given is drawn.

        Args:
            n: How many samples.
            seed: Fixes everything that is drawn.
            label: One class for all samples, or one for each, (n,); by number or by name.
            codes: Parts of ``code`` by name: ``{"c1": 0.5}`` is ``given={"code.c1": 0.5}``.
            given: Any values that samples are made from, by name (see ``values``).

        Raises:
            OptionError: If the generator does not read one of the values, or a value is out of
                range, or the model is a policy and has no samples.
        """
        check_arguments(given=given, codes=codes)
        fixed = {**(given or {}), **{f"code.{k}": v for k, v in (codes or {}).items()}}
        if label is not None:
            fixed["label"] = label
        made = self.values(n, seed=seed, given=fixed)
        if "fake" not in made:
            message = f"'{self.name}' acts and has no samples to draw; call act(obs), or values(n)."
            raise OptionError(message)
        return made["fake"]

    def values(
        self, n: int = 64, *, seed: int = 0, given: Mapping[str, Given] | None = None
    ) -> dict[str, Tensor]:
        """Draw ``n`` samples with all that belongs to them, by name, each (n, ...) on the CPU.

        ``fake`` is the sample itself; the others are what it was made from, such as ``z`` or
        ``label``, and the generator's other heads.

        ``given`` fixes values by name: one for all samples, or an array (n, ...). A part of a
        vector is ``NAME.PART``, as in ``{"code.c1": 0.5}``. Raises OptionError for a name that no
        sample is made from, another shape, or a value out of range.
        """
        check_arguments(given=given)
        return self.frozen.sample(n, seed=seed, given=given)

    def interpolate(self, n: int = 8, *, steps: int = 10, seed: int = 0) -> Tensor:
        """``n`` walks from one latent to another, (n, steps, *shape); all other values stay fixed.

        Normal latents walk along the great circle (White 2016, arXiv:1609.04468), since a straight
        line between two leads through lengths that are almost never drawn; bounded latents walk
        straight. Raises OptionError if the model has no latent ``z``, or for less than one walk or
        step.
        """
        n, steps = whole("the number of walks", n, 1), whole("the number of steps", steps, 1)
        spaces, seed = self.frozen.spaces, whole("the seed", seed, 0, MOST)
        if "z" not in spaces:
            message = f"'{self.name}' has no latent z to walk through."
            raise OptionError(message)
        first, last = (self.frozen.generate(n, seed=s, given={}) for s in (2 * seed, 2 * seed + 1))
        between = straight if spaces["z"].bounded else circular
        made = []
        for share in torch.linspace(0, 1, steps).tolist():
            fixed = {k: v.to(self.device) for k, v in first.items() if k in self.frozen.reads}
            z = between(first["z"], last["z"], share).to(self.device)
            made.append(self.frozen.generate(n, seed=seed, given={**fixed, "z": z})["fake"])
        return torch.stack(made, 1)

    def score(self, samples: Tensor, **values: Given) -> Tensor:
        """The discriminator's scores of samples, (N,), on the CPU; a high score means real.

        ``values`` are the other values that it reads, such as ``label=``. Raises OptionError if no
        discriminator is published, a value that it reads is missing, or a shape is another.
        """
        if self.judge is None:
            message = f"the discriminator of '{self.name}' is not published."
            raise OptionError(message)
        return self.judge.score(samples, values)

    def act(self, obs: Tensor, *, seed: int | None = None) -> Tensor:
        """Actions for observations, (N, d): the most likely ones, or drawn if a seed is given.

        Raises OptionError if the generator is no policy, or for what is no finite numbers.
        """
        return self.variant.sampler.act(self.frozen, numbers("observations", obs), seed=seed)
