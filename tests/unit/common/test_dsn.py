"""What libpq is told beside the operator's URL: TLS by default, and a server that takes writes."""

from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn
from pydantic import SecretStr

from common.postgres.dsn import direct_dsn_of, dsn, public_authorities
from common.service.settings import WorkDatabaseSettings

CA = Path("/run/secrets/database_ca")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "postgres", "", "a,b:5433"])
def test_a_server_of_the_same_machine_or_network_is_reached_as_before(host: str) -> None:
    assert "sslmode" not in parse_dsn(dsn(f"postgresql://u:p@{host}/conserje"))


@pytest.mark.parametrize(
    "host", ["db.example.com", "10.0.0.5", "postgres.other.svc", "postgres,db.example.com"]
)
def test_any_other_must_prove_its_name_with_a_certificate_of_a_public_authority(host: str) -> None:
    words = parse_dsn(dsn(f"postgresql://u:p@{host}/conserje"))
    assert (words["sslmode"], words["sslrootcert"]) == ("verify-full", public_authorities())


def test_with_a_ca_of_its_own_every_server_must() -> None:
    words = parse_dsn(dsn("postgresql://u:p@postgres/conserje", CA))
    assert (words["sslmode"], words["sslrootcert"]) == ("verify-full", str(CA))


def test_what_the_url_says_is_kept() -> None:
    asked = "sslmode=require&sslcert=/c&sslkey=/k&target_session_attrs=any&options=-cjit%3Don"
    words = parse_dsn(dsn(f"postgres://u:p%40@db.example.com:5433/conserje?{asked}", CA))
    assert words["password"] == "p@"
    assert words["options"] == "-cjit=on"
    assert (words["sslmode"], words["sslcert"], words["sslkey"]) == ("require", "/c", "/k")
    assert words["target_session_attrs"] == "any"


def test_of_several_servers_the_one_that_takes_writes_is_used() -> None:
    words = parse_dsn(dsn("postgresql://u:p@a.example.com:1,b.example.com:2/conserje"))
    assert (words["host"], words["port"]) == ("a.example.com,b.example.com", "1,2")
    assert words["target_session_attrs"] == "read-write"


def settings(**more: str) -> WorkDatabaseSettings:
    url = SecretStr("postgresql+psycopg2://u:p@pooler:6432/pooled?connect_timeout=9")
    return WorkDatabaseSettings.model_validate({"database_url": url, **more})


def test_past_a_pooler_it_is_the_same_user_at_another_address() -> None:
    assert direct_dsn_of(settings()) is None
    words = parse_dsn(direct_dsn_of(settings(database_direct_host="db:5432")) or "")
    assert (words["host"], words["port"], words["dbname"]) == ("db", "5432", "pooled")
    assert (words["user"], words["password"], words["connect_timeout"]) == ("u", "p", "9")
    words = parse_dsn(direct_dsn_of(settings(database_direct_host="db:5432/conserje")) or "")
    assert words["dbname"] == "conserje"


def test_a_url_of_something_else_and_a_ca_that_is_not_there_are_named_by_the_settings() -> None:
    with pytest.raises(ValueError, match="must begin with postgresql://"):
        settings(database_url="mysql://u:p@db/conserje")
    with pytest.raises(ValueError, match="database_ca_file"):
        settings(database_ca_file="/nowhere/ca.pem")
