"""A real Apache Kafka (KRaft, one node) on 127.0.0.1, without Docker."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template
from typing import Self

from common.service.settings import KafkaSettings
from devkit.stack import Announce
from devkit.stack.broker_security import BrokerSecurity, GivenKafkaSettings
from devkit.stack.class_archive import ClassArchive
from devkit.stack.java import Java, find_java
from devkit.stack.kafka_groups import warm_up_groups
from devkit.stack.kafka_jars import VERSION, kafka_jars
from devkit.stack.ports import is_free
from devkit.stack.server_process import CannotStart, end, last_words, spawn
from devkit.stack.settings import cache_dir

CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
JVM = (
    "-Xms192m",
    "-Xmn128m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
START_DEADLINE = 180.0  # seconds; 2 when idle, 5 after kill -9
ENDED_BY_SIGTERM = 128 + signal.SIGTERM  # how a JVM that shut down in order reports it
STOP_GRACE = 15.0  # the first stop also writes the class archive: 2 s


@dataclass(slots=True)
class LocalKafka:
    """One broker and its data under `home`. Build it with `start`; all methods block.

    It dies with the process that started it. Data survives `stop`, `kill` and `restart`.
    """

    home: Path
    port: int
    controller_port: int
    java: Java
    jars: Path
    classes: ClassArchive
    security: BrokerSecurity | None
    process: subprocess.Popen[bytes] = field(init=False)

    @classmethod
    def start(
        cls,
        home: Path,
        port: int,
        controller_port: int,
        *,
        announce: Announce = print,
        cache: Path | None = None,
        java: Java | None = None,
        security: BrokerSecurity | None = None,
    ) -> Self:
        """Returns once clients can produce and consumer groups can form.

        `security` None: it is open to whoever reaches it. Raises CannotStart (port taken, home in
        use, broken data; with the end of the log) and what `kafka_jars` raises. Call it from the
        main thread.
        """
        java = java or find_java()
        jars = kafka_jars(cache or cache_dir(), announce)
        classes = ClassArchive(java, jars.parent, owner=f"{os.getpid()}-{port}")
        kafka = cls(home.absolute(), port, controller_port, java, jars, classes, security)
        kafka.home.mkdir(parents=True, exist_ok=True)
        kafka.home.chmod(0o700)  # it holds what contacts write
        announce(f"Kafka {VERSION}: starting on {kafka.bootstrap} with {java.label}")
        classes.prepare()
        kafka._format()
        kafka._launch()
        return kafka

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def settings(self) -> KafkaSettings:
        """Of the administrator, who may do everything."""
        if self.security:
            return self.security.administrator(self.bootstrap)
        return GivenKafkaSettings(kafka_bootstrap_servers=self.bootstrap)

    @property
    def version(self) -> str:
        return f"kafka {VERSION}"

    @property
    def log(self) -> Path:
        return self.home / "kafka.log"

    def stop(self) -> None:
        """A clean end: SIGTERM, then SIGKILL after 15 s."""
        end(self.process, signal.SIGTERM, STOP_GRACE)
        self.classes.adopt(complete=self.process.returncode == ENDED_BY_SIGTERM)

    def kill(self) -> None:
        """What a crash does: SIGKILL."""
        end(self.process, signal.SIGKILL, STOP_GRACE)

    def restart(self) -> None:
        """Stops it if it still runs, and starts it again on the same data and ports."""
        self.stop()
        self._launch()

    def _format(self) -> None:
        formatted = self.home / "formatted"  # written last: an interrupted format starts over
        if formatted.exists():
            return
        shutil.rmtree(self.home / "data", ignore_errors=True)
        command = ["kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER_ID, "-c"]
        self._write_config()
        argv = self._java(self.classes.reading(), *command, str(self._config))
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotStart(f"kafka cannot format {self.home}: {done.stderr.strip()}")
        formatted.touch()

    def _launch(self) -> None:
        for port in (self.port, self.controller_port):
            if not is_free(port):
                raise CannotStart(f"kafka: port {port} is taken")
        self._write_config()
        argv = self._java(self.classes.reading_or_writing(), "kafka.Kafka", str(self._config))
        self.process = spawn(argv, log=self.log, death=signal.SIGKILL)
        try:
            self._wait_for_port()
            warm_up_groups(self.settings)
        except BaseException:
            self.kill()
            raise

    def _wait_for_port(self) -> None:
        deadline = time.monotonic() + START_DEADLINE
        while self.process.poll() is None and time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=1),
            ):
                return
            time.sleep(0.02)
        raise CannotStart(f"kafka did not start; {self.log} ends with:\n{last_words(self.log)}")

    @property
    def _config(self) -> Path:
        return self.home / "server.properties"

    def _write_config(self) -> None:
        text = resources.files("devkit.stack").joinpath("server.properties").read_text()
        filled = Template(text).substitute(
            port=self.port, controller_port=self.controller_port, data=self.home / "data"
        )
        if self.security:
            filled += self.security.properties(self.port, self.controller_port)
        self._config.touch(0o600)
        self._config.write_text(filled)

    def _java(self, sharing: Sequence[str], *arguments: str) -> list[str]:
        # Listed by name and sorted: the class archive is refused when the class path differs.
        class_path = os.pathsep.join(map(str, sorted(self.jars.glob("*.jar"))))
        return [str(self.java.path), *JVM, *sharing, "-cp", class_path, *arguments]
