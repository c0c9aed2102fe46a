"""The parts of a GAN: what each kind is, and the records that hold them together."""

from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.metric import Direction, Metric, Score
from ganzoo.parts.needs import accepts, as_heads, reads
from ganzoo.parts.observer import Observer
from ganzoo.parts.optimizer import Adam, Optimizer
from ganzoo.parts.part import Architecture, Loss, Part, Player, Regularizer, Sampler
from ganzoo.parts.protocols import FrozenView, GameView, RunView
from ganzoo.parts.rows import ResidentRows, Rows
from ganzoo.parts.schedule import Anneals, Decay, Rate, Schedule, Weight, cosine, linear, steps
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows
from ganzoo.parts.variant import Variant

__all__ = [
    "Adam",
    "Anneals",
    "Architecture",
    "Data",
    "Dataset",
    "Decay",
    "Direction",
    "FrozenView",
    "GameView",
    "Loss",
    "Metric",
    "Observer",
    "Optimizer",
    "Part",
    "Player",
    "Rate",
    "Regularizer",
    "ResidentRows",
    "Rows",
    "RunView",
    "Sampler",
    "Schedule",
    "Score",
    "Space",
    "StreamedRows",
    "Variant",
    "Weight",
    "accepts",
    "as_heads",
    "cosine",
    "linear",
    "reads",
    "steps",
]
