"""What each process of a running system was started with, and who may read its files."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.system import RunningSystem

from devkit.stack.settings import inherited
from devkit.stack.system import SCHEMAS, SERVICES
from ops.kafka_rights import OPERATOR, USERS
from ops.secret_files import READERS, STAND_INS

pytestmark = pytest.mark.e2e
# Nobody's own: what PostgreSQL's user must be able to run.
PROGRAMS = "postgres/bin"


def environment_of(pid: int) -> dict[str, str]:
    """What the kernel says that a process was started with."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


def every_secret(system: RunningSystem) -> dict[tuple[str, str], str]:
    """By who may have it, and its variable: of Meta and OpenAI, the broker, the database."""
    stack = system.stack
    found = {
        (reader, name): value
        for reader in (*SERVICES, *STAND_INS)
        for name, value in stack.secrets.items()
        if name.lower() in READERS[reader]
    }
    found |= {(user, "KAFKA_PASSWORD"): stack.kafka_passwords[user] for user in USERS}
    found |= {("tenant-admin", "OPERATOR_KAFKA_PASSWORD"): stack.kafka_passwords[OPERATOR]}
    return found | {(name, "DATABASE_URL"): stack.database_url(name) for name in SCHEMAS}


@pytest.mark.parametrize("process", [*SERVICES, *STAND_INS])
async def test_m7_a_process_has_its_own_secrets_and_nobody_elses(
    system: RunningSystem, process: str
) -> None:
    if system.stack.kafka is None or system.stack.postgres is None:
        pytest.skip("NOT RUN: a user per service is at servers of our own")
    environment = environment_of(system.stack.children.pid(process))
    secrets = every_secret(system)
    own = {value for (reader, _), value in secrets.items() if reader == process}
    own |= {system.stack.kafka_passwords[OPERATOR]} if process == "tenant-admin" else set()
    others = set(secrets.values()) - own
    given = "\n".join(environment.values())
    assert [value for value in others if value in given] == []
    named = {name for (reader, name) in secrets if reader == process}
    assert {name for name in named if name not in environment} == set()


@pytest.mark.parametrize("process", [*SERVICES, *STAND_INS, "kafka", "postgres"])
async def test_m7_a_process_does_not_inherit_what_we_were_started_with(
    system: RunningSystem, process: str
) -> None:
    """pytest itself sets this one in our environment."""
    stack = system.stack
    servers = {"kafka": stack.kafka, "postgres": stack.postgres}
    if process not in servers:
        pid = stack.children.pid(process)
    elif server := servers[process]:
        pid = server.process.pid
    else:
        pytest.skip("NOT RUN: this server is not ours")
    assert "PYTEST_CURRENT_TEST" not in environment_of(pid)
    assert "PYTEST_CURRENT_TEST" not in inherited()


def test_a_file_and_a_folder_that_are_open_are_found(tmp_path: Path) -> None:
    for folder, mode in {"closed": 0o700, "passed": 0o711, "listed": 0o755}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("a word")
        (tmp_path / folder / "file").chmod(0o644)
        (tmp_path / folder).chmod(mode)
    tmp_path.chmod(0o711)
    found = [str(path.relative_to(tmp_path)) for path in open_to_others(tmp_path)]
    assert found == ["listed", "listed/file", "passed/file"]


async def test_m7_nobody_else_can_read_what_a_system_keeps(system: RunningSystem) -> None:
    home = system.stack.plan.home
    if system.stack.kafka:
        assert stat.S_IMODE((home / "kafka").stat().st_mode) == 0o700
    assert list(open_to_others(home)) == []


def open_to_others(folder: Path) -> Iterator[Path]:
    """Files with something in them that another user of the machine can reach and read, folders
    that one can list."""
    mode = folder.stat().st_mode
    if mode & stat.S_IROTH:
        yield folder
    if not mode & stat.S_IXOTH:
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not str(path).endswith(PROGRAMS):
            yield from open_to_others(path)
        elif path.is_file() and path.stat().st_mode & stat.S_IROTH and path.stat().st_size:
            yield path
