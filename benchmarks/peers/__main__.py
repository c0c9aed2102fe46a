"""A table of ganzoo against another library, in an environment of the peer's own.

    python benchmarks/peers torchgan [--seconds 60] [--out torchgan.json]

The environment is made first, where it is not there yet (``install.py``). Both libraries then play
in one process; each module here says what they are asked to do, and lists its options.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.pop(0)  # this folder, whose modules would hide others
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers.install import PEERS, ROOT, install


def main() -> int:
    """Run one table by its name; the rest of the command line is for it."""
    name, options = next(iter(sys.argv[1:]), ""), sys.argv[2:]
    if name not in PEERS:
        print(f"name one of {', '.join(PEERS)}.", file=sys.stderr)
        return 2
    paths = [str(ROOT / "benchmarks"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    table = [str(install(name)), "-P", "-m", f"peers.{name}", *options]
    return subprocess.run(table, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
