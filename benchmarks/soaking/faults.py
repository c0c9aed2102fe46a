"""Faults under ``soak.py``: of the disk, of the newest checkpoint, and a second process.

Each is a function of a subject that has been trained undisturbed. It raises MissError where a fault
is not told in one sentence, or changes how the run ends. Disks are mounted, which needs root.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from soaking.processes import expect
from soaking.subject import ROUNDS, newest, saved_rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from soaking.processes import Child
    from soaking.subject import Subject

SPARE = 100_000
"""Bytes on a small disk for all but checkpoints."""


def full_disk(subject: Subject) -> str | None:
    """There is room for one or two checkpoints, and no more; later there is."""
    size = newest(subject.whole).stat().st_size
    with mounted(subject, size * 3 // 2 + SPARE) as disk:
        if disk is None:
            return "needs root"
        child = subject.launcher.run(*subject.words(disk / "run", "--save-every", "4"))
        refused(child, "No space left on device")
        expect(0 < saved_rounds(disk / "run") < ROUNDS, "the checkpoint before is gone")
        mount("remount,size=100%", disk)
        subject.finish(disk / "run")
    return None


def no_disk(subject: Subject) -> str | None:
    """There is no room for the first checkpoint; later there is."""
    with mounted(subject, SPARE // 2) as disk:
        if disk is None:
            return "needs root"
        child = subject.launcher.run(*subject.words(disk / "run", "--save-every", "4"))
        refused(child, "No space left on device")
        mount("remount,size=100%", disk)
        subject.finish(disk / "run")
    return None


def small_files(subject: Subject) -> None:
    """No file may have the size of a checkpoint; later it may."""
    out, size = subject.place / "small-files", newest(subject.whole).stat().st_size // 2
    words = subject.words(out, "--save-every", "4")
    limit = (size, resource.RLIM_INFINITY)
    child = subject.launcher.run(
        *words, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    refused(child, "File too large")
    subject.finish(out)


def read_only(subject: Subject) -> str | None:
    """The folder becomes read-only: a run does not go on, but is exported elsewhere."""
    with mounted(subject, 1 << 30) as disk:
        if disk is None:
            return "needs root"
        half_way(subject, out := disk / "run")
        mount("remount,ro", disk)
        refused(subject.launcher.run(*subject.next_words(out)), "Read-only file system")
        refused(subject.launcher.run(*subject.words(disk / "new")), "Read-only file system")
        child = subject.launcher.run("export", str(out), "--out", str(subject.place / "weights"))
        expect(child.code == 0, f"a read-only run cannot be exported: {child.said}")
        mount("remount,rw", disk)
        subject.finish(out)
    return None


def second_process(subject: Subject) -> None:
    """A second process in the folder of a run is refused, and the first one goes on."""
    out = subject.place / "second"
    first = subject.launcher.start(*subject.words(out))
    subject.wait_for_play(first, out)
    os.kill(first.pid, signal.SIGSTOP)
    held = not first.ended()
    second = subject.launcher.run("train", "--resume", "--out", str(out))
    os.kill(first.pid, signal.SIGCONT)
    first.wait()
    expect(held, "the first process ended too soon")
    refused(second, f" is at work in {out}; wait for it, or choose another --out.")
    expect(first.code == 0, f"the first process ends with exit code {first.code}")
    subject.compare(out)


def damaged(change: Callable[[Path], object]) -> Callable[[Subject], None]:
    """A fault of the newest checkpoint: it is told, and the one before is taken."""

    def fault(subject: Subject) -> None:
        out = subject.place / f"damaged-{change.__name__}"
        shutil.copytree(subject.whole, out)
        change(path := newest(out))
        child = subject.launcher.run("train", "--resume", "--out", str(out))
        expect(child.code == 0, f"it does not go on: {child.said}")
        told = f"warning: checkpoint {path} cannot be read: "
        if change is not deleted:
            expect(child.said.startswith(told), f"it does not tell: {child.said}")
            expect(f"; {ROUNDS - 1:08}.safetensors is taken instead." in child.said, child.said)
            shutil.rmtree(out / "samples", ignore_errors=True)
        subject.compare(out)

    return fault


def torn(path: Path) -> None:
    """Cut a file in two."""
    os.truncate(path, path.stat().st_size // 2)


def flipped(path: Path) -> None:
    """Flip a bit in the middle of a file."""
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 1
    path.write_bytes(blob)


def deleted(path: Path) -> None:
    """Delete a file."""
    path.unlink()


def wrong_moment(path: Path) -> None:
    """Write a checkpoint anew with a moment of another shape, in a process of its own."""
    if (pid := os.fork()) == 0:
        import torch  # it may start threads, and this process must be able to fork

        from ganzoo.training import checkpoint

        with checkpoint.reading(path) as (tensors, facts):
            moments = [name for name in tensors if "-optimizer." in name]
            tensors[moments[-1]] = torch.zeros(3, 1)
        checkpoint.write(path, tensors, facts)
        os._exit(0)
    expect(os.waitpid(pid, 0)[1] == 0, "a moment could not be changed")


FAULTS: dict[str, Callable[[Subject], str | None]] = {
    "full disk": full_disk,
    "no disk": no_disk,
    "small files": small_files,
    "read-only": read_only,
    "second process": second_process,
    "torn": damaged(torn),
    "flipped": damaged(flipped),
    "deleted": damaged(deleted),
    "wrong moment": damaged(wrong_moment),
}


def refused(child: Child, why: str) -> None:
    """Check that a process said in one sentence what was wrong."""
    expect(child.code == 1, f"it ends with exit code {child.code}, not 1: {child.said}")
    lines = child.said.splitlines()
    expect(len(lines) == 1 and lines[0].startswith("error: "), f"it says {child.said}")
    expect(why in child.said, f"it says {child.said}, not {why}")


def half_way(subject: Subject, out: Path) -> None:
    """A copy of the undisturbed run that has still to play its last round."""
    shutil.copytree(subject.whole, out)
    newest(out).unlink()
    (out / "model.safetensors").unlink(missing_ok=True)


@contextmanager
def mounted(subject: Subject, size: int) -> Iterator[Path | None]:
    """A disk of so many bytes; None where it cannot be mounted."""
    disk = subject.place / "disk"
    disk.mkdir(exist_ok=True)
    try:
        mount(f"size={size}", disk)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def mount(options: str, disk: Path) -> None:
    """Mount a disk in memory, or change it."""
    words = ["mount", "-t", "tmpfs", "-o", options, "soak", str(disk)]
    subprocess.run(words, check=True, capture_output=True)
