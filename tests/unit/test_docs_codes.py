"""docs/troubleshooting.md names every code that a fault can have, and none that there is not."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.readers.faults import Fault

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
CODE = re.compile(r"[a-z][a-z_]+")
SETTLED = "_explain"
"""The function of the stage wrapper that names faults which have no name of their own."""
IN_SQL = re.compile(
    r"end_(?:with_error|part)\(\w+(?:\.\w+)?, '(\w+)'"
    r"|error_code = (?:case when [^\n]+ then )?'(\w+)'"
    r"|'(?:failed|crashed)', '(\w+)'"
)


@cache
def modules() -> tuple[ast.Module, ...]:
    return tuple(ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "pipeline").rglob("*.py")))


@cache
def error_classes() -> frozenset[str]:
    """Names of all classes that come from ``PipelineError``, found without importing them."""
    classes = [node for module in modules() for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    found = {PipelineError.__name__}
    while more := {c.name for c in classes if {getattr(base, "id", "") for base in c.bases} & found} - found:
        found |= more
    return frozenset(found)


def codes_of_code() -> set[str]:
    return {code for module in modules() for code in codes_of(module) if CODE.fullmatch(code)}


def codes_of(module: ast.Module) -> Iterator[str]:
    constants = dict(assigned(module))
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and node.name in error_classes():
            yield from (text for name, value in assigned(node) if name == "code" for text in texts(value))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in error_classes():
            yield from codes_given(node, constants)
        elif isinstance(node, ast.FunctionDef) and node.name == SETTLED:
            returned = [n.value for n in ast.walk(node) if isinstance(n, ast.Return) and isinstance(n.value, ast.Tuple)]
            yield from (text for value in returned for text in texts(value.elts[0]))


def codes_given(call: ast.Call, constants: dict[str, ast.expr]) -> Iterator[str]:
    """Of ``Error(message, code)``, ``Error(message, CODE)``, ``Error(message, code=…)`` or ``Error(*TABLE[…])``."""
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Starred) and isinstance(first.value, ast.Subscript):
        table = constants.get(getattr(first.value.value, "id", ""))
        rows = table.values if isinstance(table, ast.Dict) else []
        yield from (text for row in rows if isinstance(row, ast.Tuple) for text in texts(row.elts[1]))
    for value in call.args[1:2] + [keyword.value for keyword in call.keywords if keyword.arg == "code"]:
        yield from texts(constants.get(value.id, value) if isinstance(value, ast.Name) else value)


def assigned(node: ast.Module | ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for statement in node.body:
        if not isinstance(statement, ast.Assign):
            continue
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            yield from ((getattr(name, "id", ""), each) for name, each in zip(target.elts, value.elts, strict=True))
        else:
            yield getattr(target, "id", ""), value


def texts(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value


def codes_of_sql() -> set[str]:
    functions = (ROOT / "pipeline" / "stores" / "sql" / "functions").glob("*.sql")
    found = [match for path in functions for match in IN_SQL.findall(path.read_text(encoding="utf-8"))]
    return {code for match in found for code in match if code}


def described() -> list[str]:
    section = PAGE.partition("\n## The codes\n")[2]
    cells = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return [code for cell in cells for code in re.findall(r"`(\w+)`", cell)]


def test_the_ways_to_name_a_fault_are_known() -> None:
    assert {"worker_killed", "pages_failed", "page_failed", "vanished", "silent", "job_lost", "internal"} <= codes()
    assert {"encrypted", "unsupported_format", "no_text", "disk_full", "graph_auth", "over_budget", "lease_lost"} <= codes()


def codes() -> set[str]:
    return codes_of_code() | codes_of_sql() | {fault.value for fault in Fault}


def test_every_code_is_described_once_and_none_is_invented() -> None:
    assert sorted(described()) == sorted(codes())
