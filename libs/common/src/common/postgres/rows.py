"""Columns written once, and rows read by name.

A statement on arrays takes one array per column: `unnest` spells the arrays and their names,
`arrays` fills them from objects that have the columns as attributes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

R = TypeVar("R")
Columns = Mapping[str, str]  # name -> PostgreSQL type of one value, such as "bigint"


def names(columns: Iterable[str], prefix: str = "") -> str:
    """`a, b, c`; with a prefix such as "d." before each."""
    return ", ".join(f"{prefix}{name}" for name in columns)


def unnest(columns: Columns, alias: str = "given") -> str:
    """A table of the given arrays; its column `ordinality` counts the rows from 1."""
    parameters = ", ".join(f"%({name})s::{kind}[]" for name, kind in columns.items())
    return f"unnest({parameters}) with ordinality {alias}({names(columns)}, ordinality)"


def arrays(columns: Iterable[str], rows: Sequence[object]) -> dict[str, list[Any]]:
    """The parameters of `unnest`: for each column its values, in the order of the rows."""
    return {name: [getattr(row, name) for row in rows] for name in columns}


def rows_as(kind: type[R], rows: Iterable[Any]) -> list[R]:
    """Each row as an object of this class, whose fields are named like the columns."""
    return [kind(**row._asdict()) for row in rows]
