"""One variant under a soak, and what must hold for each of its runs."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safetensors import safe_open
from safetensors.numpy import load_file
from soaking.processes import expect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

    from soaking.processes import Child, Launcher

ROUNDS, MOST, SPARE = 12, 5, 20
"""Rounds of a run, the most runs for each time that one is to be met alive, and so many more: where
they are few, all may end before the signal that they were to meet."""
EPISODES = [f"--set=rollout.{option}" for option in ("steps=16", "envs=2", "updates=1")]
SMALL = {
    "": ["--data=digits", "--set=batch=8"],
    "vanilla": ["--data=ring", "--set=batch=8"],
    "behaviour-cloning": ["--set=batch=8"],
    "gail": EPISODES,
    "ppo": EPISODES,
}
"""Data and options with which a variant plays a round in milliseconds."""
INTERRUPTED = 130


@dataclass
class Subject:
    """One variant, trained in folders under ``place``."""

    variant: str
    place: Path
    launcher: Launcher
    random: Random
    startup: float = 0.0
    play: float = 0.0
    """Seconds until an undisturbed run begins to play, and those from there to its end."""
    last: str = ""
    """What the process before said; shown with a miss."""

    def words(self, out: Path, *more: str) -> list[str]:
        """The command that begins a run."""
        small = SMALL.get(self.variant, SMALL[""])
        return ["train", self.variant, *small, "--rounds", str(ROUNDS), "--out", str(out), *more]

    def next_words(self, out: Path, *more: str) -> list[str]:
        """The command that begins a run or goes on with it, as a user would."""
        if (out / "run.json").exists():
            return ["train", "--resume", "--out", str(out)]
        return self.words(out, *more)

    @property
    def whole(self) -> Path:
        """The undisturbed run."""
        return self.place / "whole"

    def undisturbed(self) -> None:
        """Train the run that all others are compared with."""
        child = self.launcher.start(*self.words(self.whole, "--save-every", "1"))
        self.wait_for_play(child, self.whole)
        self.startup = child.life
        expect(child.wait() == 0, f"an undisturbed run fails: {child.said}")
        self.play = child.life - self.startup

    def wait_for_play(self, child: Child, out: Path) -> None:
        """Wait until a process has taken up a run, which it tells by writing its plan."""
        before = written_at(out / "run.json")
        while written_at(out / "run.json") == before and not child.ended():
            time.sleep(0.001)

    def met(self, out: Path, number: int, *more: str) -> Child:
        """A process to which a signal was sent at a random moment, if it was still alive."""
        child = self.launcher.start(*self.next_words(out, *more))
        moment = self.random.random()
        child.wait_until_it_answers()
        if self.random.random() < 1 / 3:
            self.sleep(child, moment * self.startup)
        else:
            self.wait_for_play(child, out)
            self.sleep(child, moment * self.play)
        if not child.ended():
            os.kill(child.pid, number)
        child.wait()
        self.last = re.sub(r"^\S+ goes on [^\n]*\n?", "", child.said)  # told by each that resumes
        return child

    @staticmethod
    def sleep(child: Child, seconds: float) -> None:
        """Wait so long, or until the process has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not child.ended():
            time.sleep(0.001)

    def folders(self, name: str, times: int) -> Iterator[Path]:
        """Folders for one run after another; MissError where runs end in spite of all signals."""
        tries = MOST * times + SPARE
        for count in range(tries):
            yield self.place / f"{name}-{count}"
        expect(fact=False, what=f"it was not met alive {times} times in {tries} runs")

    def killed(self, times: int) -> None:
        """Kill processes at random moments until so many were alive."""
        met, out = 0, next(folders := self.folders("kill", times))
        while met < times:
            code = self.met(out, signal.SIGKILL, "--save-every", "1").code
            met += code == -signal.SIGKILL
            if code != -signal.SIGKILL:
                expect(code == 0, f"a resumed run ends with exit code {code}: {self.last}")
                self.compare(out)
                out = next(folders)
        self.finish(out)

    def asked(self, number: int, times: int) -> None:
        """Ask processes to end at random moments until so many have."""
        met, out = 0, next(folders := self.folders(f"signal-{number}", times))
        while met < times:
            before = saved_rounds(out)
            code = self.met(out, number, "--save-every", str(ROUNDS)).code
            # It was done already; after its last word a process leaves signals to the system.
            if code == 0 or (code == -number and " saved in " in self.last):
                self.compare(out)
                out = next(folders)
                continue
            met += 1
            expect(code == INTERRUPTED, f"signal {number} ends it with {code}: {self.last}")
            self.check_told(out, before)
        self.finish(out)

    def check_told(self, out: Path, before: int) -> None:
        """Check that a process told in one sentence what it kept, and kept all that it played."""
        expect(self.last.startswith("error: interrupted"), f"it says {self.last!r}")
        expect(self.last.count("\n") == 0, f"it says more than a line: {self.last}")
        now = saved_rounds(out)
        told = re.search(r"after round ([0-9]+)", self.last)
        expect(told is None or now == int(told[1]), f"{now} is saved: {self.last}")
        expect(logged_rounds(out) <= now, f"{logged_rounds(out)} played, {now} saved: {self.last}")
        played = self.last.startswith("error: interrupted after round")
        # One that is asked before its first round, or after its last, has nothing more to save.
        expect(now > before if played else now in {before, ROUNDS}, f"{before}, {now}: {self.last}")

    def finish(self, out: Path) -> None:
        """Let a run go on to its end, undisturbed, and compare it."""
        child = self.launcher.run(*self.next_words(out))
        self.last = child.said
        expect(child.code == 0, f"a resumed run ends with exit code {child.code}: {self.last}")
        self.compare(out)

    def compare(self, out: Path) -> None:
        """Check that a finished run ended as the undisturbed one, and left nothing behind."""
        left = [str(path.relative_to(out)) for path in out.rglob("*.part")]
        expect(not left, f"left behind: {', '.join(left)}")
        mine, its = newest(out), newest(self.whole)
        expect(mine.name == its.name, f"it ends with {mine.name}, not {its.name}")
        tensors, others = load_file(mine), load_file(its)
        expect(tensors.keys() == others.keys(), "its checkpoint has other tensors")
        for name, tensor in tensors.items():
            same = tensor.tobytes() == others[name].tobytes()
            expect(same, f"'{name}' differs from the undisturbed run's")
        expect(state_of(mine) == state_of(its), "the JSON of its checkpoint differs")
        model = "model.safetensors"
        if (self.whole / model).exists():
            same = (out / model).read_bytes() == (self.whole / model).read_bytes()
            expect(same, f"{model} differs from the undisturbed run's")
        rows = [json.loads(row)["round"] for row in (out / "log.jsonl").read_text().splitlines()]
        expect(rows == sorted(set(rows)) and rows[-1] == ROUNDS, f"its log has rounds {rows}")


def written_at(path: Path) -> tuple[int, int] | None:
    """When a file was written, and its inode; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino


def newest(out: Path) -> Path:
    """The newest checkpoint of a run."""
    return max((out / "checkpoints").glob("*.safetensors"))


def saved_rounds(out: Path) -> int:
    """The round of a run's newest checkpoint; 0 before."""
    paths = (out / "checkpoints").glob("*.safetensors")
    return max((int(path.stem) for path in paths), default=0)


def logged_rounds(out: Path) -> int:
    """The last round in a run's log; 0 before."""
    path = out / "log.jsonl"
    rows = path.read_text().splitlines() if path.exists() else []
    return json.loads(rows[-1])["round"] if rows else 0


def state_of(path: Path) -> dict[str, Any]:
    """The JSON of a checkpoint, but for what is of its time and its plan."""
    with safe_open(path, framework="numpy") as file:
        facts: dict[str, Any] = json.loads(file.metadata()["ganzoo"])
    return {
        name: value
        for name, value in facts.items()
        if name not in {"seconds", "wall", "plan", "sha256"}
    }
