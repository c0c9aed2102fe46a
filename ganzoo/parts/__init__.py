"""The parts of a GAN: what each kind is, and the records that hold them together."""

from ganzoo.parts.dataset import Data, Dataset
from ganzoo.parts.metric import Direction, Metric, Score
from ganzoo.parts.needs import accepts, as_heads, reads
from ganzoo.parts.observer import Observer
from ganzoo.parts.optimizer import Adam, Optimizers
from ganzoo.parts.part import Architecture, Loss, Part, Player, Regularizer, Sampler
from ganzoo.parts.rows import ResidentRows, Rows
from ganzoo.parts.space import Space
from ganzoo.parts.streamed import StreamedRows
from ganzoo.parts.variant import Variant

__all__ = [
    "Adam",
    "Architecture",
    "Data",
    "Dataset",
    "Direction",
    "Loss",
    "Metric",
    "Observer",
    "Optimizers",
    "Part",
    "Player",
    "Regularizer",
    "ResidentRows",
    "Rows",
    "Sampler",
    "Score",
    "Space",
    "StreamedRows",
    "Variant",
    "accepts",
    "as_heads",
    "reads",
]
