"""Mutants of a module: each is its source with one small fault, by the usual operators.

Comparisons, arithmetic and logic swapped, conditions negated, constants changed, statements,
decorators and keyword arguments deleted, nothing returned, loops that never run (Offutt et al.
1996, "An experimental determination of sufficient mutant operators"; Deng et al. 2013, "Empirical
evaluation of the statement deletion mutation operator").
"""

from __future__ import annotations

import ast
import copy
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.MatMult: ast.Mult,
}
DELETED = (ast.Expr, ast.AugAssign, ast.Raise, ast.Break, ast.Continue, ast.Delete)
UNREAD = {"description"}
"""Keyword arguments that are prose."""


@dataclass(frozen=True, order=True)
class Mutant:
    """One fault: what replaces ``source[start:end]`` of a file, and the lines that it touches."""

    file: str
    start: int
    end: int
    text: str
    first: int
    last: int

    def source(self, root: Path) -> str:
        """The file's source with the fault in it."""
        original = (root / self.file).read_bytes()
        mutated = original[: self.start] + self.text.encode() + original[self.end :]
        return mutated.decode()

    def diff(self, root: Path) -> str:
        """The fault as the lines that it changes."""
        one, other = (root / self.file).read_text().splitlines(), self.source(root).splitlines()
        lines = list(difflib.unified_diff(one, other, n=0, lineterm=""))
        return "\n".join(line for line in lines[3:] if not line.startswith("@@"))


def mutants(root: Path, file: str) -> list[Mutant]:
    """Every mutant of a file that compiles, in the order of its source."""
    source = (root / file).read_bytes()
    offsets = [0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    found = set()
    for node, text, (first, last) in walk(ast.parse(source), (1, 1)):
        start = offsets[node.lineno - 1] + node.col_offset
        end = offsets[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        mutant = Mutant(file, start, end, text, first, last)
        try:
            mutated = ast.parse(mutant.source(root))
        except SyntaxError:  # a string beside another one, ...
            continue
        if ast.dump(mutated) != ast.dump(ast.parse(source)):
            found.add(mutant)
    return sorted(found)


def walk(node: ast.AST, lines: tuple[int, int]) -> Iterator[tuple[Any, str, tuple[int, int]]]:
    """Every (node, its replacement, first and last line of its statement) below a node."""
    if isinstance(node, ast.stmt):
        lines = (node.lineno, node.end_lineno or node.lineno)
        if (body := getattr(node, "body", None)) and not isinstance(node, ast.FunctionDef):
            lines = (node.lineno, max(node.lineno, body[0].lineno - 1))
    if is_prose(node):
        return
    for replaced, text in replacements(node):
        yield replaced, text, lines
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns"} or isinstance(node, ast.JoinedStr):
            continue  # read by type checkers; and the positions in f-strings are not exact
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from walk(child, lines)


def is_prose(node: ast.AST) -> bool:
    """Whether a node says something to readers or type checkers alone."""
    match node:
        case ast.Expr(value=ast.Constant()) | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.keyword(arg=name) if name in UNREAD:
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.ClassDef(bases=bases) if any(ast.unparse(b) == "Protocol" for b in bases):
            return True
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")) | ast.Import() | ast.ImportFrom():
            return True
    return False


def replacements(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What a node, or a part of it, may be replaced by."""
    if isinstance(node, DELETED) or (
        isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name)
    ):
        yield node, "pass"
    yield from of_expressions(node)
    match node:
        case ast.Return(value=ast.expr() as value) if not is_none(value):
            yield value, "None"
        case ast.For(iter=iterated):
            yield iterated, "()"
        case ast.FunctionDef(decorator_list=wrappers) | ast.ClassDef(decorator_list=wrappers):
            yield from ((wrapper, "(lambda it: it)") for wrapper in wrappers)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield from negated(test)
        case ast.comprehension(ifs=tests):
            yield from (pair for test in tests for pair in negated(test))
        case ast.AugAssign(op=op) if type(op) in CALCULATED:
            yield node, ast.unparse(changed(node, "op", CALCULATED[type(op)]()))


def of_expressions(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What an expression may be replaced by."""
    match node:
        case ast.Compare(ops=ops):
            for i, swap in [(i, swap) for i, op in enumerate(ops) for swap in COMPARED[type(op)]]:
                swapped = [*ops[:i], swap(), *ops[i + 1 :]]
                yield node, f"({ast.unparse(changed(node, 'ops', swapped))})"
        case ast.BinOp(op=op) if type(op) in CALCULATED:
            yield node, f"({ast.unparse(changed(node, 'op', CALCULATED[type(op)]()))})"
        case ast.BoolOp(op=op):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield node, f"({ast.unparse(changed(node, 'op', other))})"
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield node, f"({ast.unparse(operand)})"
        case ast.Call(keywords=keywords):
            for keyword in keywords:
                if keyword.arg not in UNREAD:
                    fewer = [other for other in keywords if other is not keyword]
                    yield node, ast.unparse(changed(node, "keywords", fewer))
        case ast.Constant(value=value):
            yield from ((node, text) for text in other_than(value))


def other_than(value: object) -> Iterator[str]:
    """Another constant in place of one."""
    match value:
        case bool():
            yield repr(not value)
        case int() | float():
            yield repr(value + 1)
        case str():
            yield repr(f"XX{value}")


def negated(test: ast.expr) -> Iterator[tuple[ast.AST, str]]:
    """A condition negated, unless another operator does it."""
    match test:
        case ast.UnaryOp() | ast.Compare(ops=[ast.Eq() | ast.NotEq()]):
            return
        case ast.Compare(ops=[ast.Is() | ast.IsNot() | ast.In() | ast.NotIn()]):
            return
    yield test, f"(not ({ast.unparse(test)}))"


def is_none(node: ast.AST) -> bool:
    """Whether an expression is None."""
    return isinstance(node, ast.Constant) and node.value is None


def changed(node: ast.AST, field: str, value: object) -> ast.AST:
    """A node with another value of one field."""
    other = copy.copy(node)
    setattr(other, field, value)
    return other
