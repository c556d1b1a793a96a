"""Folders, secrets and ways out of a system on this machine, before anything is started."""

import os
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from devkit.stack.demo import text
from devkit.stack.environment import place_of, refuse_real_secrets, secrets_of, theirs
from devkit.stack.home import private, temporary_home
from devkit.stack.processes import Supervisor
from devkit.stack.server_process import CannotStart
from devkit.stack.settings import Outside, proxies
from devkit.stack.system import Plan, assemble, start_postgres
from ops.secret_files import FROM_META, READERS

NOTHING = Outside().model_copy(
    update=dict.fromkeys((*FROM_META, "openai_api_key", "admin_api_key", "whatsapp_graph_url"))
)
CLOSED = 0o711 if os.geteuid() == 0 else 0o700


def given(**values: str) -> Outside:
    secrets = {name: SecretStr(value) for name, value in values.items()}
    return NOTHING.model_copy(update=secrets)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_m7_a_home_is_closed_also_one_that_an_earlier_version_left_open(tmp_path: Path) -> None:
    with temporary_home() as home:
        assert mode_of(home) == CLOSED
    left = tmp_path / "up"
    left.mkdir(mode=0o755)
    assert mode_of(private(left)) == CLOSED


@pytest.mark.parametrize("reader", ["ingress", "router", "assistant", "sender", "tenant-admin"])
def test_m7_a_service_is_given_what_the_job_of_compose_would_write_for_it(
    reader: str, tmp_path: Path
) -> None:
    mine = theirs(reader, secrets_of(NOTHING, tmp_path))
    assert {name.lower() for name in mine} <= READERS[reader].keys()
    assert ("OPENAI_API_KEY" in mine) == (reader == "assistant")
    assert ("WHATSAPP_APP_SECRETS" in mine) == (reader == "ingress")
    assert ("ADMIN_API_KEY" in mine) == (reader == "tenant-admin")


@pytest.mark.parametrize("name", FROM_META)
def test_m1_the_demo_refuses_what_meta_has_issued_and_names_it(name: str) -> None:
    with pytest.raises(CannotStart, match=name.upper()) as refused:
        refuse_real_secrets(given(**{name: "real-and-not-for-a-stand-in"}))
    assert "real-and-not" not in str(refused.value)
    real = {"whatsapp_graph_url": "https://graph.facebook.com/v26.0"}
    refuse_real_secrets(given(**{name: "real"}).model_copy(update=real))
    refuse_real_secrets(NOTHING)


@pytest.mark.parametrize("template", ["ready.txt", "welcome.txt"])
@pytest.mark.parametrize("key", [None, "a-given-key-of-the-admin-api"])
def test_m7_a_start_says_where_the_admin_key_is_and_prints_none(
    template: str, key: str | None, tmp_path: Path
) -> None:
    outside = given(admin_api_key=key) if key else NOTHING
    plan = Plan(tmp_path, outside, ingress_port=0, admin_port=0)
    system = assemble(plan, Supervisor(), None, None, outside)
    shown = text(template, system, tmp_path / "commands.env")
    assert system.secrets["ADMIN_API_KEY"] not in shown
    assert place_of("admin_api_key", outside, tmp_path) in shown
    if key is None:
        file = tmp_path / "admin-api-key"
        assert str(file) in shown
        assert file.read_text() == system.secrets["ADMIN_API_KEY"]
        assert mode_of(file) == 0o600


def test_m7_one_user_of_the_database_for_all_services_is_warned_of(tmp_path: Path) -> None:
    outside = given(database_url="postgresql://one:password@db.example/conserje")
    said: list[str] = []
    assert (
        start_postgres(Plan(tmp_path, outside, ingress_port=0, admin_port=0), said.append) is None
    )
    [line] = said
    assert "same user" in line
    assert "password@" not in line


def test_children_get_the_way_out_and_it_never_leads_to_this_machine() -> None:
    environment = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "inside.example", "A": "b"}
    assert proxies(environment) == {
        "https_proxy": "http://proxy:3128",
        "no_proxy": "inside.example,127.0.0.1,localhost",
    }
    assert proxies({"A": "b"}) == {}
