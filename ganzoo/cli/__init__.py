"""The command line: each command is one call of the Python interface, and prints what it returns.

Exit code 0: done. 1: a ZooError, one sentence on stderr. 2: wrong usage. 130: asked to end, by
Ctrl-C or otherwise, in one sentence too. Nothing here imports torch or a plugin until a command
runs.
"""

from __future__ import annotations

import atexit
import functools
import io
import sys
import traceback
from typing import TYPE_CHECKING, Any

from ganzoo.cli.ending import AGAIN, end_at_once, fail, fail_at_once
from ganzoo.errors import (
    FollowedError,
    InterruptedRunError,
    LostRankError,
    PluginError,
    ZooError,
)
from ganzoo.training.interrupt import INTERRUPTED, handled, ignore_requests

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Run the command line."""
    with handled(end_at_once):
        try:
            run()
        except FollowedError as error:
            sys.exit(error.code)  # rank 0 says why
        except InterruptedRunError as error:
            fail(error, INTERRUPTED)
        except KeyboardInterrupt as stop:
            fail(str(stop) or AGAIN, INTERRUPTED)
        except LostRankError as error:
            fail_at_once(error)
        except ZooError as error:
            fail(error)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            fail(f"{error.strerror or error}{where}.")
        finally:
            atexit.register(ignore_requests)  # all is said, and the interpreter takes a while


def run() -> None:
    """Run a command; raises SystemExit with its exit code."""
    # Here, so that Ctrl-C is answered while they are imported, which takes start-up time.
    from ganzoo.cli.commands import app
    from ganzoo.cli.doctor import clash, intact

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows ASCII alone
    if advice := clash():
        if not intact():  # no command could run
            fail(advice)
        sys.stderr.write(f"warning: {advice}\n")
    try:
        app()
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # typer's, for Ctrl-C
            raise KeyboardInterrupt from None
        raise


def answering(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command print results alone on standard output, and end by itself alone.

    It calls plugins: a ``print`` in one would break what ``--json`` prints, and a ``sys.exit``
    would end the command without a word.
    """

    @functools.wraps(command)
    def answers(*args: Any, **kwargs: Any) -> None:
        from ganzoo.cli.tables import results_only  # start-up time, as in run

        try:
            with results_only():
                command(*args, **kwargs)
        except KeyboardInterrupt as stop:  # typer would drop what it says
            raise InterruptedRunError(str(stop) or AGAIN) from None
        except SystemExit as stop:
            frame, _ = list(traceback.walk_tb(stop.__traceback__))[-1]
            culprit = frame.f_globals.get("__name__", frame.f_code.co_filename)
            code = "" if stop.code is None else repr(stop.code)
            message = f"{culprit} called sys.exit({code}), which ended the command."
            raise PluginError(message) from None

    return answers
