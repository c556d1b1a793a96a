"""Everything that can be started: a word that it does not know makes it do nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("libs/*/src", "services/*/src", "scripts", "deploy")
STARTED = 'if __name__ == "__main__":'
# Runs one program several times over, each time with one word; says how each ended.
RUN = """
import contextlib, io, json, runpy, sys
def refuse(event, _):
    if event in ("socket.connect", "socket.bind", "subprocess.Popen"):
        raise RuntimeError(event)
sys.addaudithook(refuse)
path, *words = sys.argv[1:]
ends = []
for word in words:
    sys.argv, said, code = [path, word], io.StringIO(), None
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as end:
            code = end.code
    ends.append((code, said.getvalue()))
print(json.dumps(ends))
"""


def programs() -> list[str]:
    sources = (path for place in PLACES for path in ROOT.glob(f"{place}/**/*.py"))
    return sorted(
        str(path.relative_to(ROOT)) for path in sources if STARTED in path.read_text("utf-8")
    )


@pytest.mark.parametrize("program", programs())
def test_m10_help_or_an_unknown_word_never_acts(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, program, "--help", "--dry-run", "now"],
        cwd=ROOT,
        env={"LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for (code, said), expected in zip(json.loads(done.stdout), (0, 2, 2), strict=True):
        assert code == expected, said
        assert "usage" in said.lower()
        assert "Traceback" not in said


def test_the_programs_are_found() -> None:
    assert {"scripts/create_tables.py", "libs/ops/src/ops/create_roles.py"} <= set(programs())
    assert len(programs()) >= 20
