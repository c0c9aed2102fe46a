"""Capturing on a GPU, by CUDA graphs."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.engine.graphs.capture import NotCaptured
from ganzoo.errors import first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class CudaCapture:
    """Captures work as CUDA graphs, which share one pool of memory.

    A graph holds addresses: what it reads and writes must stay where it is, and alive.
    """

    def __init__(self, device: torch.device, *streams: torch.Generator) -> None:
        """Name the random streams, beside torch's default one, that a replay moves on."""
        self.device, self.streams = device, streams
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool: Any = None

    @contextmanager
    def warming_up(self) -> Iterator[None]:
        """Inside, work is done on the stream that it will be captured on.

        Libraries keep workspaces for each stream, and autograd its nodes; those of another stream
        cannot be captured.
        """
        # The graph of a second derivative is a cycle, and keeps nodes of another stream alive.
        gc.collect()
        usual = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(usual)
        with torch.cuda.stream(self._stream):
            yield
        usual.wait_stream(self._stream)

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Capture some work, and do it. Raises NotCaptured where CUDA refuses it."""
        gc.collect()
        graph = torch.cuda.CUDAGraph()
        for stream in self.streams:
            graph.register_generator_state(stream)
        try:
            # Only this thread's calls are captured: another may pin memory meanwhile.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                work()
        except RuntimeError as error:
            raise NotCaptured(first_line(error).rstrip(".")) from error
        self._pool = self._pool or graph.pool()
        graph.replay()  # capturing only notes the work
        return graph.replay
