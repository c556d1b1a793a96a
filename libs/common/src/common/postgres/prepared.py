"""Statements that a connection plans once."""

import re
from hashlib import blake2s
from typing import Self

PARAMETER = re.compile(r"%\((\w+)\)s(::\w+(?:\[\])?)?")
PERCENT = re.compile(r"%%|%(?!\(\w+\)s)")  # PostgreSQL's own, which may be written once or twice


class Prepared(str):
    """A statement that every connection plans once, by PREPARE: planning is more than half of the
    cost of a short statement. Each parameter needs a cast to its type, `%(ids)s::bigint[]`, and
    the plan does not depend on the values."""

    name: str
    text: str  # with $1, $2
    arguments: str  # of EXECUTE
    unprepared: str  # for psycopg2 to fill in

    def __new__(cls, sql: str) -> Self:
        statement = super().__new__(cls, sql)
        casts = dict[str, str]()
        for name, cast in PARAMETER.findall(sql):
            if not cast:
                raise ValueError(f"parameter {name} of a prepared statement has no cast")
            casts.setdefault(name, cast)
        numbers = {name: number for number, name in enumerate(casts, start=1)}
        text = PARAMETER.sub(lambda match: f"${numbers[match[1]]}{match[2]}", sql)
        statement.text = text.replace("%%", "%")
        statement.unprepared = PERCENT.sub("%%", sql)
        statement.name = f"s{blake2s(sql.encode(), digest_size=8).hexdigest()}"
        arguments = ", ".join(f"%({name})s{cast}" for name, cast in casts.items())
        statement.arguments = f"({arguments})" if arguments else ""
        return statement
