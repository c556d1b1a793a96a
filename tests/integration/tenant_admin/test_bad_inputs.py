"""What operators may mistype: each is refused in words, and nothing is changed.

security.md, section 3 (109 bad inputs), M10.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.processes import ROOT
from tests.support.tenant_admin import command, environment

from common.key_rings import KeyRings

pytestmark = pytest.mark.integration
ADD = ("add", "Restaurante La Plaza", "+34666777888", "631261586727899", "asst_abc123xyz")
# Runs the command line once for each list of words, all in one process.
RUN = """
import contextlib, io, json, sys, traceback
from tenant_admin.cli.clients import main
ends = []
for words in json.load(sys.stdin):
    sys.argv, out, err = ["manage_clients.py", *words], io.StringIO(), io.StringIO()
    sys.stdin = io.TextIOWrapper(io.BytesIO(b""))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            code = traceback.format_exc()
    ends.append((code, out.getvalue(), err.getvalue()))
sys.stdout.write(json.dumps(ends))
"""
NOT_TEXT = "a\udcffb"  # bytes that are no UTF-8, as Python has them
HUGE = "9" * 30
BAD: list[tuple[str, ...]] = [
    (),
    ("nothing",),
    ("shw", "1"),
    ("list", "--jsn"),
    ("list", "more"),
    *(("show", word) for word in ("-1", "0", "1.5", "one", HUGE, "", "99", NOT_TEXT, "null")),
    ("show",),
    ("show", "1", "2"),
    ("activate", "-1"),
    ("deactivate", "99"),
    ("add",),
    ("add", "B"),
    ("add", "", "+34666777889", "22222", "asst_b"),
    ("add", "null\n", "+34666777889", "22222", "asst_b"),
    ("add", "A\x1b[31mB", "+34666777889", "22222", "asst_b"),
    ("add", "A\x9b31mB", "+34666777889", "22222", "asst_b"),
    ("add", "A\u202eB", "+34666777889", "22222", "asst_b"),
    ("add", NOT_TEXT, "+34666777889", "22222", "asst_b"),
    ("add", "x" * 100_000, "+34666777889", "22222", "asst_b"),
    ("add", "B", "666777888", "22222", "asst_b"),
    ("add", "B", "+34666777888", "22222", "asst_b"),
    ("add", "B", "+34666777889", "631261586727899", "asst_b"),
    ("add", "B", "+34666777889", "22222", "asst b"),
    ("add", "B", "+34666777889", "22222", "../../etc/passwd"),
    ("add", "B", "+34666777889", "22222", "asst_b", "--set", "language"),
    ("add", "B", "+34666777889", "22222", "asst_b", "--set", "colour=red"),
    ("add", "B", "+34666777889", "22222", "asst_b", "--set", "name=null"),
    ("set", "1"),
    ("set", "1", "name"),
    ("set", "1", "=x"),
    ("set", "1", "id=7"),
    ("set", "1", "version=7"),
    *(("set", "1", f"{name}=null") for name in ("name", "phone_number", "phone_number_id")),
    ("set", "1", "assistant_id=null"),
    ("set", "1", "name="),
    ("set", "1", f"name={NOT_TEXT}"),
    ("set", "1", "name=A\u202eB"),
    ("set", "1", "daily_token_budget=9999999999999999999999"),
    ("set", "1", "daily_token_budget=-1"),
    ("set", "1", "daily_token_budget=NaN"),
    ("set", "1", "daily_token_budget=1e400"),
    ("set", "1", "quiet_window_ms=soon"),
    ("set", "1", "quiet_window_ms=2000", "quiet_window_ms=1"),
    ("set", "1", "opt_out_words=STOP"),
    ("set", "1", 'opt_out_words=["a"'),
    ("set", "1", "opt_out_words={}"),
    ("set", "1", "language=xx"),
    ("set", "1", "timezone=Mars/Olympus"),
    ("set", "1", "colour=red"),
    ("set", "1", "--dry-run"),
    ("set", "1", "name=B", "--dry-run"),
    ("set", "1", "language=en", "--if-version", "7"),
    ("set", "1", "language=en", "--if-version", "-1"),
    ("set", "-1", "language=en"),
    ("delete", "1"),
    ("delete", "99", "--yes"),
    ("usage", "1", "--month", "2026-13"),
    ("usage", "1", "--month", "november"),
    ("health", "-1"),
    ("token", "1"),
    ("token", "99"),
    ("take-over", "1", "not a contact"),
    ("take-over", "1", "34600111222", "--minutes", "-5"),
    ("say", "1", "34600111222"),
    ("say", "1", "34600111222", "text", "--file", "x"),
    ("say", "1", "34600111222", "--caption", "x"),
    ("say", "1", "34600111222", "--file", "/not/there"),
    ("say", "1", "34600111222", "--file", "/"),
    ("say", "1", "34600111222", NOT_TEXT),
    ("assistant",),
    ("assistant", "show", "asst_unknown"),
    ("assistant", "show", NOT_TEXT),
    ("assistant", "publish", "asst_abc123xyz", "7"),
    ("assistant", "publish", "asst_abc123xyz", "-1"),
    ("assistant", "publish", "asst_abc123xyz", HUGE),
    ("assistant", "edit", "asst_abc123xyz", "--file", sys.executable),
    ("assistant", "edit", "asst_abc123xyz", "--file", "/not/there"),
    ("assistant", "edit", "asst_abc123xyz", "--file", "-", "--model", "null"),
    ("assistant", "edit", "asst_abc123xyz", "--file", "README.md", "--effort", "enormous"),
    ("assistant", "edit", "asst_abc123xyz"),
    ("assistant", "import", sys.executable),
    ("assistant", "import", "/not/there"),
    ("rings", "new", "--ring", "file"),
    ("rings", "new"),
    ("rings", "retire", "nothing"),
    ("trace",),
    ("trace", "wamid.\x1b"),
    ("trace", NOT_TEXT),
    ("trace", "wamid.x", "--since", "yesterday"),
    ("trace", "wamid.x", "--since", "0001-01-01"),
    ("trace", "wamid.x", "--since", "99999999999d"),
    ("doctor", "now"),
]


def ended(words: list[tuple[str, ...]], **variables: str) -> list[tuple[Any, str, str]]:
    """Exit code, or a traceback; stdout; stderr."""
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(words),
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=True,
    )
    ends: list[tuple[Any, str, str]] = json.loads(done.stdout)
    return ends


def test_m10_what_is_mistyped_is_refused_in_words_and_changes_nothing(
    url: str, tmp_path: Path
) -> None:
    rings = tmp_path / "rings.json"
    rings.write_text(KeyRings.fresh().text())
    variables = {"DATABASE_URL": url, "KEY_RING_FILE": str(rings), "EDITOR": "'unclosed"}
    variables["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:9"
    assert command("manage_clients.py", *ADD, DATABASE_URL=url).returncode == 0
    before = command("manage_clients.py", "list", "--json", DATABASE_URL=url).stdout
    for words, (code, out, err) in zip(BAD, ended(BAD, **variables), strict=True):
        assert code in (1, 2), (words, code, out)
        assert not out or out.startswith(("Usage", "Delete client 1")), (words, out)
        assert "Traceback" not in err, words
        assert err.startswith(("error: ", "Usage: ", "Aborted.")), (words, err)
        assert len(err.splitlines()) < 40, words
        assert not set("\x1b\x9b\u202e") & set(err), words
    assert command("manage_clients.py", "list", "--json", DATABASE_URL=url).stdout == before


@pytest.mark.parametrize("url", ["nonsense", "postgresql://u:p@h:notaport/x", "mysql://h/x", ""])
@pytest.mark.parametrize("script", ["manage_clients.py", "create_tables.py"])
def test_m10_a_wrong_database_url_is_named(script: str, url: str) -> None:
    words = ("list",) if script == "manage_clients.py" else ()
    ran = command(script, *words, DATABASE_URL=url)
    assert ran.returncode in (1, 2)
    assert "DATABASE_URL" in ran.stderr
    assert "Traceback" not in ran.stderr


SPANISH = {"LC_ALL": "es_ES.UTF-8"}


def test_a4_commands_speak_spanish_where_the_machine_does(url: str) -> None:
    added = command("manage_clients.py", *ADD, DATABASE_URL=url, **SPANISH).stdout
    assert added.startswith("Cliente 1 (Restaurante La Plaza): Ya contesta.")
    assert "teléfono" not in command("manage_clients.py", "list", DATABASE_URL=url).stdout
    ends = ended([("set", "1", "name=null"), ("set", "1", "quiet_window_ms=x")], **SPANISH)
    name, wait = [err for _, _, err in ends]
    assert name.startswith("error: name: no tiene valor por defecto; escriba un valor; ")
    assert wait == (
        "error: settings.quiet_window_ms: no es un número entero; escriba un número entero\n"
    )
    [(_, _, unset)] = ended([("list",)], **SPANISH)
    assert "falta DATABASE_URL; ponga DATABASE_URL" in unset
    [(_, helped, _), (_, _, unknown)] = ended([("--help",), ("shw",)], **SPANISH)
    assert "Opciones:" in helped
    assert "Añade un cliente" in helped
    assert "Error: No existe la orden 'shw'. ¿Quería decir 'show'?" in unknown
    shown = command("manage_clients.py", "show", "1", DATABASE_URL=url, **SPANISH).stdout
    assert "sí" in shown


def test_the_version_is_told() -> None:
    ran = command("manage_clients.py", "--version")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("manage_clients.py ")


def test_the_shell_can_complete_commands() -> None:
    words = {
        "_MANAGE_CLIENTS.PY_COMPLETE": "complete_bash",
        "COMP_WORDS": "x dea",
        "COMP_CWORD": "1",
    }
    assert "deactivate" in command("manage_clients.py", **words).stdout


def test_set_names_what_can_be_set() -> None:
    said = command("manage_clients.py", "set", "--help").stdout
    assert "quiet_window_ms" in said
    assert "phone_number_id" in said
