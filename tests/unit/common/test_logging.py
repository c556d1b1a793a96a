"""What must never be read in a log is not there, whoever logs it."""

import json
import logging
import subprocess
import sys

from common.service.logging import FORBIDDEN, RepeatedLines

PROGRAM = """
import logging
import structlog
from common.service import logging as logs
logs.configure("tests", "debug")
log = structlog.get_logger()
log.info("fields", safe=7, **{name: "CANARY" for name in logs.FORBIDDEN})
def fail():
    raise ValueError("CANARY in a message") from KeyError("CANARY in its cause")
try:
    fail()
except ValueError as error:
    log.error("with_info", exc_info=error)
    log.exception("with_exception")
    logging.getLogger("library").exception("foreign")
    logging.getLogger("library").error("foreign %s", "arguments", exc_info=True)
log.info("odd", odd=object(), number=1 << 70, surrogate="\\udc80", nested={1: (2,)})
"""


def lines() -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert "CANARY" not in done.stdout
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_line_is_json_and_no_forbidden_thing_is_in_it() -> None:
    fields, with_info, with_exception, foreign, arguments, odd = lines()
    assert all(fields[name] == "[redacted]" for name in FORBIDDEN)
    assert fields["safe"] == 7
    assert {fields["service"], fields["level"]} == {"tests", "info"}
    for line in (with_info, with_exception, foreign, arguments):
        assert line["error"] == "ValueError"
        assert str(line["frames"]).startswith("['<module> <string>:")
    assert arguments["event"] == "foreign arguments"
    assert odd["event"] == "odd"


def test_a_library_s_repeated_line_is_written_once_in_ten_seconds() -> None:
    now = 100.0
    repeated = RepeatedLines(lambda: now)

    def written(message: object, name: str = "aiokafka") -> bool:
        return repeated.filter(logging.LogRecord(name, 40, "", 1, message, None, None))

    assert written("node is not ready")
    assert not written("node is not ready")
    assert written("another line")
    assert written("node is not ready", "another library")
    assert all(written({"event": "ours"}) for _ in range(3))
    now += 10.0
    assert written("node is not ready")
