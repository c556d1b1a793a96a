"""A real PostgreSQL on 127.0.0.1, without Docker, as root or as a plain user."""

import hashlib
import hmac
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TextIO

import psycopg2
from psycopg2 import sql

from devkit.stack import Announce
from devkit.stack.ports import is_free
from devkit.stack.postgres_binaries import find_binaries
from devkit.stack.postgres_home import (
    end_orphan,
    is_ready,
    lock,
    secret,
    server_user,
    usable_home,
)
from devkit.stack.postgres_initdb import initialise
from devkit.stack.server_process import (
    CannotStart,
    User,
    children_of,
    end,
    kill_group,
    last_words,
    spawn,
)
from ops.create_roles import Passwords, create_roles

SUPERUSER = "postgres"
START_DEADLINE = 120.0  # seconds; 0.1 when idle
STOP_GRACE = 10.0
SHARED_MEMORY_IN_USE = "shared memory block"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_checkpoints": "off",
    # A crash of the machine may lose data, a crash of PostgreSQL may not: right for this use.
    "fsync": "off",
    # Queue tables: dead rows go early, and no forgotten transaction keeps them alive.
    "autovacuum_naptime": "10s",
    "idle_in_transaction_session_timeout": "30s",
    # Whole statements in pg_stat_activity: the default cuts ours, sent several at once, at 1 kB.
    "track_activity_query_size": "16kB",
}


@dataclass(slots=True)
class LocalPostgres:
    """One server and its data under `home`. Build it with `start`; all methods block.

    It dies with the process that started it. Data survives `stop`, `kill` and `restart`.
    """

    home: Path
    port: int
    binaries: Path
    user: User | None
    held: TextIO
    process: subprocess.Popen[bytes] = field(init=False)

    @classmethod
    def start(cls, home: Path, port: int, *, announce: Announce = print) -> Self:
        """Returns once clients can connect.

        As root the server runs as `nobody`; a `home` that nobody cannot enter is replaced by one
        under /var/tmp, see `.home`. Raises CannotStart (port taken, home in use, broken data) and
        FileNotFoundError (no PostgreSQL on this machine). Call it from the main thread.
        """
        user = server_user()
        home = usable_home(home, user)
        held = lock(home)
        postgres = cls(home, port, find_binaries(home / "bin" if user else None), user, held)
        announce(f"PostgreSQL: starting on 127.0.0.1:{port}, data in {home}")
        try:
            initialise(postgres.binaries, postgres.data, SUPERUSER, secret(home), user)
            postgres._launch()
        except BaseException:
            held.close()
            raise
        return postgres

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def version(self) -> str:
        """For example "postgresql 18.4"."""
        shown = subprocess.run(
            [self.binaries / "postgres", "--version"], capture_output=True, text=True, check=True
        )
        return f"postgresql {shown.stdout.split()[2]}"

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """A libpq URL, password included."""
        return f"postgresql://{user}:{self.password(user)}@127.0.0.1:{self.port}/{database}"

    def password(self, user: str) -> str:
        """The same at every start of this home, different for every user."""
        key = secret(self.home)
        if user == SUPERUSER:
            return key
        return hmac.new(key.encode(), user.encode(), hashlib.sha256).hexdigest()

    def create_database(self, name: str, template: str | None = None) -> None:
        """Creates it unless it is there. `template` must have no open connection."""
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template or "template1")
        )
        with closing(psycopg2.connect(self.url())) as connection, connection.cursor() as cursor:
            connection.autocommit = True  # CREATE DATABASE refuses a transaction
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if not cursor.fetchone():
                cursor.execute(create)

    def create_roles(self, database: str, names: Iterable[str]) -> None:
        """For each service two roles and, in `database`, a schema of its own, where missing."""
        passwords = {
            name: Passwords(self.password(name), self.password(f"{name}_owner")) for name in names
        }
        create_roles(self.url(database), passwords)

    def stop(self) -> None:
        """A clean end that does not wait for clients: SIGINT, then SIGKILL after 10 s."""
        end(self.process, signal.SIGINT, STOP_GRACE)
        self.held.close()

    def kill(self) -> None:
        """What a crash does: SIGKILL to the server and to its sessions.

        A session that computes would not notice the server's death, and would block a restart.
        """
        sessions = children_of(self.process.pid)
        end(self.process, signal.SIGKILL, STOP_GRACE)
        for pid in sessions:
            kill_group(pid)  # each is its own session leader

    def restart(self) -> None:
        """Ends it if it still runs, and starts it again on the same data and port."""
        end(self.process, signal.SIGINT, STOP_GRACE)
        if self.held.closed:
            self.held = lock(self.home)
        self._launch()

    def _launch(self) -> None:
        end_orphan(self.data)
        if not is_free(self.port):
            raise CannotStart(f"postgres: port {self.port} is taken")
        deadline = time.monotonic() + START_DEADLINE
        while True:
            logged_before = self.log.stat().st_size if self.log.exists() else 0
            if self._came_up(deadline):
                return
            log_end = last_words(self.log, since=logged_before)
            # After kill -9 a dying session may hold the old shared memory a moment longer.
            if SHARED_MEMORY_IN_USE not in log_end or time.monotonic() > deadline:
                raise CannotStart(f"postgres did not start; {self.log} ends with:\n{log_end}")

    def _came_up(self, deadline: float) -> bool:
        options = [part for item in SETTINGS.items() for part in ("-c", "=".join(item))]
        program = str(self.binaries / "postgres")
        argv = [program, "-D", str(self.data), "-p", str(self.port), *options]
        self.process = spawn(argv, log=self.log, death=signal.SIGINT, user=self.user)
        ready = False
        try:
            while not ready and self.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
                ready = is_ready(self.data, self.process.pid)
        finally:
            if not ready:
                self.kill()
        return ready
