"""Schedules: numbers that change over a training run, such as a learning rate that decays."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Shape = Literal["constant", "linear", "cosine", "steps"]
Number: TypeAlias = "Callable[[Schedule], Any]"
"""What makes the number that takes a schedule's place."""
SHAPES: tuple[Shape, ...] = ("constant", "linear", "cosine", "steps")
WRITTEN = "write it as linear:START:END, cosine:START:END, steps:START:SHARE=VALUE:... or constant"


class Schedule(BaseModel):
    """A number as a function of progress, the share of the budget that is spent, in [0, 1].

    ``linear`` and ``cosine`` go from ``start`` to ``end`` over the whole budget (cosine: half a
    period, Loshchilov & Hutter 2016, arXiv:1608.03983, eq. 5, without restarts); ``steps`` jumps to
    each value at its share of the budget; ``constant`` stays at ``start``. During ``warmup``, a
    share of the budget, the number rises from zero in proportion (Goyal et al. 2017,
    arXiv:1706.02677).

    As text: ``linear:2e-4:0``, ``cosine:2e-4:1e-5:warmup=0.05``, ``steps:1e-3:0.5=1e-4:0.8=1e-5``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    shape: Shape = "linear"
    start: float
    end: float = 0.0
    steps: tuple[tuple[float, float], ...] = ()
    warmup: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _steps_rise(self) -> Self:
        shares = [share for share, _ in self.steps]
        if (self.shape == "steps") != bool(shares) or sorted(set(shares)) != shares:
            message = "steps, and steps alone, name their values at rising shares of the budget"
            raise ValueError(message)
        if not all(0 < share <= 1 for share in shares):
            message = "shares of the budget lie in (0, 1]"
            raise ValueError(message)
        return self

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """A schedule from its text. Raises ValueError where it is none."""
        shape, *rest = text.split(":")
        named = [item.split("=", 1) for item in rest if "=" in item]
        plain = [float(item) for item in rest if "=" not in item]
        warmups = [float(value) for name, value in named if name == "warmup"]
        then = [(float(name), float(value)) for name, value in named if name != "warmup"]
        wanted = {"constant": 1, "linear": 2, "cosine": 2, "steps": 1}.get(shape)
        if wanted != len(plain) or (then and shape != "steps") or len(warmups) > 1:
            raise ValueError(WRITTEN)
        fields: dict[str, Any] = {
            "shape": shape,
            **dict(zip(("start", "end"), plain, strict=False)),
        }
        return cls(**fields, steps=tuple(then), warmup=(*warmups, 0.0)[0])

    def at(self, progress: float) -> float:
        """The number once ``progress`` of the budget, in [0, 1], is spent."""
        value = self.start
        if self.shape in {"linear", "cosine"}:
            gone = progress if self.shape == "linear" else (1 - cos(pi * progress)) / 2
            value = self.start * (1 - gone) + self.end * gone
        for share, then in self.steps:
            value = then if progress >= share else value
        return value * min(1.0, progress / self.warmup) if self.warmup else value

    @property
    def values(self) -> tuple[float, ...]:
        """The numbers that it goes between, each of which must be one that the option may have."""
        ends = (self.end,) if self.shape in {"linear", "cosine"} else ()
        first = (0.0,) if self.warmup else ()
        return (*first, self.start, *ends, *(value for _, value in self.steps))

    def __str__(self) -> str:
        """Say it as ``parse`` reads it."""
        ends = (self.end,) if self.shape in {"linear", "cosine"} else ()
        words = [self.shape, *(f"{value:g}" for value in (self.start, *ends))]
        words += [f"{share:g}={value:g}" for share, value in self.steps]
        return ":".join([*words, f"warmup={self.warmup:g}"] if self.warmup else words)


@dataclass(frozen=True)
class Anneals:
    """Marks a number of a part that may be a schedule instead, and the bounds of its values.

    ``strength: Annotated[float, Anneals(ge=0)] = 1.0``. In the part's methods it is always a float:
    the engine plays with ``part.at(progress)``.
    """

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A float within the bounds, or a schedule all of whose values are."""
        del source, handler
        bounds = {name: value for name, value in vars(self).items() if value is not None}
        number = core_schema.float_schema(allow_inf_nan=False, **bounds)

        def read(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
            if isinstance(value, str) and ":" in value:
                value = Schedule.parse(value)
            if isinstance(value, dict):
                value = Schedule(**value)
            return self._checked(value) if isinstance(value, Schedule) else validate(value)

        return core_schema.no_info_wrap_validator_function(
            read,
            number,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: value.model_dump() if isinstance(value, Schedule) else value
            ),
        )

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A number's schema, with a mark that a schedule may stand in its place."""
        return {**handler(core), "schedule": True}

    def _checked(self, schedule: Schedule) -> Schedule:
        for value in schedule.values:
            # The end of a schedule may be a bound that a constant may not be: a rate falls to zero.
            low = max(x for x in (self.gt, self.ge, float("-inf")) if x is not None)
            high = min(x for x in (self.lt, self.le, float("inf")) if x is not None)
            if not low <= value <= high:
                message = f"{value:g} of the schedule is not within {low:g} and {high:g}"
                raise ValueError(message)
        return schedule


def linear(start: float, end: float = 0.0, *, warmup: float = 0.0) -> Any:
    """A linear schedule over the budget, for a part's option; typed so that a float may be it."""
    return Schedule(shape="linear", start=start, end=end, warmup=warmup)


def cosine(start: float, end: float = 0.0, *, warmup: float = 0.0) -> Any:
    """Half a period of a cosine over the budget, for a part's option."""
    return Schedule(shape="cosine", start=start, end=end, warmup=warmup)


def steps(start: float, *then: tuple[float, float], warmup: float = 0.0) -> Any:
    """A value that jumps to others, each a (share of the budget, value), for a part's option."""
    return Schedule(shape="steps", start=start, steps=then, warmup=warmup)


Weight = Annotated[float, Anneals(ge=0)]
Rate = Annotated[float, Anneals(gt=0)]
Decay = Annotated[float, Anneals(ge=0, lt=1)]


def is_scheduled(value: object) -> bool:
    """Whether an option's value is a schedule, or a tuple with one in it."""
    if isinstance(value, tuple):
        return any(map(is_scheduled, value))
    return isinstance(value, Schedule)


def number_at(value: T, progress: float) -> T:
    """An option's value at a share of the budget: a schedule becomes a number."""
    return in_place_of(value, lambda schedule: schedule.at(progress))


class Annealed(tuple[Any, ...]):
    """Numbers of an option, at least one of which stands in the place of a schedule."""

    __slots__ = ()


def in_place_of(value: T, number: Number) -> T:
    """An option's value with a number in the place of each schedule."""
    if isinstance(value, tuple):
        kind = Annealed if is_scheduled(value) else tuple
        return kind(in_place_of(v, number) for v in value)  # type: ignore[return-value]
    return number(value) if isinstance(value, Schedule) else value


def unscheduled(model: M, number: Number) -> M:
    """A part or record with a number in the place of each schedule among its options."""
    now = {name: in_place_of(value, number) for name, value in model if is_scheduled(value)}
    # Not validated again: the values between two that were are within the same bounds.
    return model.model_copy(update=now) if now else model
