"""Draws docs/architecture.svg, the rooms of ganzoo/ and their imports, from the code itself.

    python tools/architecture_picture.py

The order of the rooms is that of the import linter's contract in pyproject.toml, and what a room is
for is the first line of its docstring. A test fails if the picture is out of date.
"""

from __future__ import annotations

import ast
import re
import tomllib
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).parent.parent
STEP_X, STEP_Y, LEFT, TOP, WIDTH = 46, 42, 24, 24, 1000
INDENT, WIDE, TALL = 14, 96, 26
"""A box is WIDE by TALL, and begins INDENT to the left of its room's column."""
UP = ' class="red"'
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
text {{ font: 12.5px Helvetica, Arial, sans-serif; fill: #1f2933; stroke: white; stroke-width: 3px;
  paint-order: stroke }}
rect {{ fill: #e8eef5; stroke: #1f2933 }}
rect + text {{ stroke: none; font-weight: bold; text-anchor: middle }}
path {{ fill: none; stroke: #a3afbc }}
circle {{ fill: #56687a; stroke: #56687a; stroke-width: 1.5px }}
.red {{ stroke: #c62828; fill: #c62828 }}
.hollow {{ fill: white }}
</style>
<marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8">
<path d="M0 0L8 4L0 8Z" style="fill: #56687a; stroke: none"/></marker>
<rect width="{width}" height="{height}" style="fill: white; stroke: none"/>
"""


def rooms() -> list[str]:
    """The rooms from top to bottom, without modules that only hold a name (``_version``)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    names = [name.strip() for layer in layers for name in layer.split("|")]
    return [name for name in names if not name.startswith("_")]


def imports(*, annotations: bool) -> set[tuple[str, str]]:
    """Pairs of rooms, of which the first imports from the second, also inside functions."""
    graph = grimp.build_graph(
        "ganzoo", exclude_type_checking_imports=not annotations, cache_dir=None
    )
    modules = [module.split(".") for module in graph.modules if "." in module]
    return {
        (module[1], imported.split(".")[1])
        for module in modules
        for imported in graph.find_modules_directly_imported_by(".".join(module))
        if "." in imported and imported.split(".")[1] != module[1]
    }


def purpose(room: str) -> str:
    """The first clause of a room's docstring."""
    path = ROOT / "ganzoo" / room / "__init__.py"
    path = path if path.exists() else path.parent.with_suffix(".py")
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    text = re.sub(r"^\w+( \w+)?: ", "", re.split(r"[.;]", doc)[0].replace("\n", " "))
    return text[:1].upper() + text[1:]


def picture() -> str:
    """The picture as SVG: a staircase of rooms, and a dot for each pair that imports.

    From a room go down to a dot, and from there right along the arrow to the room that it imports
    from. An import that ran up would be a red dot above the stairs.
    """
    names = rooms()
    at = {name: (LEFT + i * STEP_X, TOP + i * STEP_Y) for i, name in enumerate(names)}
    pairs = sorted(pair for pair in imports(annotations=True) if set(pair) <= set(names))
    at_run_time = imports(annotations=False)
    lines, dots = [], []
    for name, (x, y) in at.items():
        if below := [at[lower][1] for upper, lower in pairs if upper == name]:
            lines.append(line(x, y, x, max(y, *below)))
        if left := [at[upper][0] for upper, lower in pairs if lower == name]:
            lines.append(line(min(x, *left), y, x - INDENT, y, ' marker-end="url(#arrow)"'))
    for upper, lower in pairs:
        (x, start), (end, y) = at[upper], at[lower]
        if y < start:
            lines += [line(x, start, x, y, UP), line(x, y, end, y, UP)]
        always = (upper, lower) in at_run_time
        dots.append(dot(x, y, "red" if y < start else "", f"{upper} -> {lower}", filled=always))
    boxes = [box(name, x, y) for name, (x, y) in at.items()]
    end = TOP + len(names) * STEP_Y
    legend = [dot(LEFT, end, "", "", filled=True), label(LEFT + 12, end, "imports from")]
    legend += [dot(LEFT, end + 20, "", "", filled=False)]
    legend += [label(LEFT + 12, end + 20, "only in annotations")]
    body = "\n".join([*lines, *boxes, *dots, *legend])
    return f"{HEAD.format(width=WIDTH, height=end + 40)}{body}\n</svg>\n"


def line(x: float, y: float, to_x: float, to_y: float, more: str = "") -> str:
    """A straight line."""
    return f'<path d="M{x} {y}L{to_x} {to_y}"{more}/>'


def dot(x: float, y: float, colour: str, title: str, *, filled: bool) -> str:
    """A dot with a tooltip."""
    kind = f"{colour} {'filled' if filled else 'hollow'}".strip()
    return f'<circle class="{kind}" cx="{x}" cy="{y}" r="5"><title>{escape(title)}</title></circle>'


def label(x: float, y: float, text: str) -> str:
    """A line of text whose middle is at a height."""
    return f'<text x="{x}" y="{y + 4.5}">{escape(text)}</text>'


def box(name: str, x: float, y: float) -> str:
    """A room: its box, its name in it, and what it is for beside it."""
    left = x - INDENT
    rect = f'<rect x="{left}" y="{y - TALL / 2:g}" width="{WIDE}" height="{TALL}" rx="4"/>'
    return rect + label(left + WIDE / 2, y, name) + label(left + WIDE + 10, y, purpose(name))


if __name__ == "__main__":
    (ROOT / "docs" / "architecture.svg").write_text(picture(), encoding="utf-8")
