"""The command line as operators run it: its words, its exit codes, what it publishes."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.records import await_events
from tests.support.tenant_admin import Ran, command, served

from common.events import AssistantConfig, TenantConfig
from common.key_rings import KeyRings
from common.postgres.engine import connect
from common.sealed import unseal
from common.topics import ASSISTANTS_CONFIG, TENANTS_CONFIG
from devkit.stack.ports import free_ports
from ops.service_rings import rings_for

pytestmark = pytest.mark.integration
Manage = Callable[..., Ran]
ADD = ("add", "Restaurante La Plaza", "+34666777888", "631261586727899", "asst_abc123xyz")


@pytest.fixture
def manage(url: str, kafka: Broker) -> Manage:
    """Runs manage_clients.py with this database and broker."""

    def run(*words: str, **more: str) -> Ran:
        variables = {"DATABASE_URL": url, **kafka.settings.kafka_environment()} | more
        return command("manage_clients.py", *words, **variables)

    return run


@pytest.mark.parametrize("word", ["--help", "--dry-run", "now"])
def test_create_tables_does_nothing_but_what_it_is_for(
    new_database: NewDatabase, word: str
) -> None:
    url = new_database()
    ran = command("create_tables.py", word, DATABASE_URL=url)
    assert ran.returncode == (0 if word == "--help" else 2)
    assert "usage" in ran.stdout + ran.stderr
    assert "created" in command("create_tables.py", DATABASE_URL=url).stdout


def test_create_tables_says_what_it_did_and_may_be_repeated(new_database: NewDatabase) -> None:
    url = new_database()
    ran = [command("create_tables.py", DATABASE_URL=url) for _ in range(2)]
    assert [each.returncode for each in ran] == [0, 0]
    assert "created" in ran[0].stdout
    assert "up to date" in ran[1].stdout


def test_an_added_client_is_live_when_the_command_ends(manage: Manage, kafka: Broker) -> None:
    ran = manage(*ADD)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Live now." in ran.stdout
    assert "assistant edit asst_abc123xyz" in ran.stdout
    [client] = await_events(kafka.settings, TENANTS_CONFIG, TenantConfig, 1)
    assert (client.name, client.phone_number_id) == ("Restaurante La Plaza", "631261586727899")
    listed = manage("list")
    for word in ("Restaurante La Plaza", "+34666777888", "631261586727899", "asst_abc123xyz"):
        assert word in listed.stdout


def test_the_template_is_in_the_language_of_the_new_client(manage: Manage) -> None:
    assert manage(*ADD, "--set", "language=en").returncode == 0
    assert "FILL IN HERE" in manage("assistant", "show", "asst_abc123xyz").stdout


def test_deactivate_and_activate_are_published_and_may_be_repeated(
    manage: Manage, kafka: Broker
) -> None:
    manage(*ADD)
    ran = [manage(word, "1") for word in ("deactivate", "deactivate", "activate")]
    assert [each.returncode for each in ran] == [0, 0, 0]
    clients = await_events(kafka.settings, TENANTS_CONFIG, TenantConfig, 3)
    assert [client.active for client in clients] == [True, False, True]


BAD = [
    (("add", "B", "666777888", "22222", "asst_b"), "phone_number"),
    (("add", "B", "+34666777888", "631261586727899", "asst_b"), "phone_number_id"),
    (("add", "B", "+34666777888", "22222", "asst b"), "assistant_id"),
    (("add", "B", "+34666777888", "22222", "asst_b", "--set", "language=x"), "settings.language"),
    (("deactivate", "99"), "id"),
    (("set", "1", "quiet_window_ms=soon"), "settings.quiet_window_ms"),
    (("set", "1", "colour=red"), "colour"),
    (("set", "1", "name=null"), "name"),
    (("set", "1", "assistant_id=null"), "assistant_id"),
    (("set", "1", "daily_token_budget=9999999999999999999999"), "settings.daily_token_budget"),
    (("set", "1", "quiet_window_ms=2000", "quiet_window_ms=1"), "quiet_window_ms"),
    (("set", "1", "language=en", "--if-version", "7"), "If-Match"),
    (("assistant", "publish", "asst_abc123xyz", "7"), "version"),
    (("assistant", "edit", "asst_abc123xyz", "--file", sys.executable), "file"),
]


def test_bad_input_is_one_line_that_names_the_field_and_changes_nothing(manage: Manage) -> None:
    manage(*ADD)
    before = manage("list", "--json").stdout
    for words, field in BAD:
        ran = manage(*words)
        assert (ran.returncode, ran.stdout) == (2, ""), words
        [line] = ran.stderr.splitlines()
        assert line.startswith(f"error: {field}: ")
        assert "; " in line
    assert manage("list", "--json").stdout == before


def test_without_tables_the_command_to_run_is_named(new_database: NewDatabase) -> None:
    ran = command("manage_clients.py", "list", DATABASE_URL=new_database())
    assert ran.returncode == 1
    assert "create_tables.py" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_without_a_database_one_line_says_so() -> None:
    missing = command("manage_clients.py", "list")
    assert (missing.returncode, missing.stderr.count("DATABASE_URL is missing")) == (2, 1)
    dead = command(
        "manage_clients.py", "list", DATABASE_URL=f"postgresql://x:y@127.0.0.1:{free_ports(1)[0]}/x"
    )
    assert dead.returncode == 1
    assert len(dead.stderr.splitlines()) == 1
    assert "DATABASE_URL" in dead.stderr


def test_what_a_command_could_not_publish_the_service_does(
    manage: Manage, url: str, kafka: Broker
) -> None:
    ran = manage(*ADD, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_ports(1)[0]}")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "the running tenant-admin will publish this" in ran.stdout
    with served(url, kafka.settings):
        assert await_events(kafka.settings, TENANTS_CONFIG, TenantConfig, 1)
        assert await_events(kafka.settings, ASSISTANTS_CONFIG, AssistantConfig, 1)


def test_settings_are_changed_by_name(manage: Manage) -> None:
    manage(*ADD)
    ran = manage("set", "1", "language=en", 'opt_out_words=["STOP"]', "--json")
    shown = json.loads(ran.stdout)
    assert (shown["settings"]["language"], shown["version"]) == ("en", 2)
    assert shown["published"] == "published"


def test_a_token_from_stdin_is_sealed_for_the_client(
    url: str, kafka: Broker, tmp_path: Path
) -> None:
    rings, ring = KeyRings.fresh(), tmp_path / "ring.json"
    ring.write_text(rings_for("tenant-admin", rings).text())
    variables = {"DATABASE_URL": url, **kafka.settings.kafka_environment()}
    command("manage_clients.py", *ADD, **variables)
    words = ("manage_clients.py", "token", "1")
    assert command(*words, stdin="EAAG-secret\n", **variables).returncode == 2
    ran = command(*words, stdin="EAAG-secret\n", KEY_RING_FILE=str(ring), **variables)
    assert ran.returncode == 0
    assert "EAAG-secret" not in ran.stdout + ran.stderr
    sealed = await_events(kafka.settings, TENANTS_CONFIG, TenantConfig, 2)[-1].access_token
    assert sealed is not None
    assert unseal(rings.ring("access_token"), 1, "access_token", sealed) == "EAAG-secret"


def test_an_edited_assistant_answers_with_its_new_version(
    manage: Manage, kafka: Broker, tmp_path: Path
) -> None:
    manage(*ADD)
    facts = tmp_path / "facts.md"
    facts.write_text("Abrimos de 13 a 16.")
    assert manage("assistant", "edit", "asst_abc123xyz", "--file", str(facts)).returncode == 0
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\necho "Lunes cerrado." >> "$1"\n')
    editor.chmod(0o755)
    assert manage("assistant", "edit", "asst_abc123xyz", EDITOR=str(editor)).returncode == 0
    shown = manage("assistant", "show", "asst_abc123xyz").stdout
    assert "Abrimos de 13 a 16." in shown
    assert "Lunes cerrado." in shown
    versions = await_events(kafka.settings, ASSISTANTS_CONFIG, AssistantConfig, 3)
    assert [event.version for event in versions] == [1, 2, 3]


def test_instructions_come_from_stdin_where_there_is_no_editor(
    url: str, kafka: Broker, manage: Manage
) -> None:
    """As in a container: docker compose exec -T ... edit asst_x --file - < facts.md"""
    manage(*ADD)
    variables = {"DATABASE_URL": url, **kafka.settings.kafka_environment()}
    words = ("manage_clients.py", "assistant", "edit", "asst_abc123xyz", "--file", "-")
    assert command(*words, stdin="Abrimos de 7 a 14.", **variables).returncode == 0
    assert "Abrimos de 7 a 14." in manage("assistant", "show", "asst_abc123xyz").stdout
    for editor in ("no-such-editor", "'unclosed"):
        ran = manage("assistant", "edit", "asst_abc123xyz", EDITOR=editor)
        assert ran.returncode == 2
        assert f"{editor} failed; set EDITOR, or use --file" in ran.stderr


def test_what_would_steer_the_terminal_is_not_printed(manage: Manage, url: str) -> None:
    """As an older version took it."""
    manage(*ADD)
    with connect(url, "tests", "admin", 1).begin() as connection:
        for table in ("assistant_version", "clients"):
            connection.exec_driver_sql(f"update {table} set name = 'A' || chr(155) || '31mB'")
        text = "'C' || chr(27) || ']0;title' || chr(7) || chr(8238) || 'D'"
        connection.exec_driver_sql(f"update assistant_version set instructions = {text}")
    for words in (("list",), ("show", "1"), ("assistant", "show", "asst_abc123xyz")):
        ran = manage(*words)
        assert "A31mB" in ran.stdout
        assert not set("\x9b\x1b\x07\u202e") & set(ran.stdout)


def test_an_export_is_imported_after_a_dry_run(manage: Manage, tmp_path: Path) -> None:
    export = tmp_path / "assistants.jsonl"
    export.write_text('{"id": "asst_1", "name": "Uno", "model": "gpt-4o", "instructions": "Hi"}\n')
    dry = manage("assistant", "import", str(export), "--dry-run")
    assert "Dry run" in dry.stdout
    assert "asst_1" not in manage("assistant", "list").stdout
    ran = manage("assistant", "import", str(export))
    assert "created asst_1 version 1 (gpt-4o)" in ran.stdout
    assert "warning: model: OpenAI ends gpt-4o on 2027-01-14" in ran.stdout
    assert "unchanged asst_1" in manage("assistant", "import", str(export)).stdout
