"""etcd and kube-apiserver on 127.0.0.1, for as long as a check lasts."""

import secrets
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from deploy.verify.k8s.kubectl import Kubectl
from deploy.verify.k8s.programs import Programs

from devkit.stack.ports import free_ports
from devkit.stack.server_process import CannotStart, end, last_words, spawn

START_DEADLINE = 120.0  # seconds; 5 when idle
STOP_GRACE = 10.0


@contextmanager
def api_server(home: Path, programs: Programs) -> Iterator[Kubectl]:
    """Ready when entered, gone when left; files under `home`. Call it from the main thread.

    Raises CannotStart with the end of the log.
    """
    etcd, peer, port = free_ports(3)
    token = secrets.token_hex(16)
    (home / "tokens.csv").write_text(f"{token},check,1,system:masters\n")
    (home / "accounts.key").write_bytes(signing_key())
    kubectl = Kubectl(programs.kubectl, home)
    kubectl.aim(f"https://127.0.0.1:{port}", token, home / "certificates" / "apiserver.crt")
    with ExitStack() as running:
        for argv in (
            etcd_command(programs.etcd, home, etcd, peer),
            apiserver_command(programs.apiserver, home, etcd, port),
        ):
            process = spawn(argv, log=home / "log", death=signal.SIGKILL)
            running.callback(end, process, signal.SIGTERM, STOP_GRACE)
        wait_until_ready(kubectl, home / "log")
        yield kubectl


def wait_until_ready(kubectl: Kubectl, log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        if kubectl.tried("get", "--raw", "/readyz").out == "ok":
            return
        time.sleep(0.2)
    raise CannotStart(f"kube-apiserver did not start; its log ends with:\n{last_words(log)}")


def etcd_command(program: Path, home: Path, port: int, peer: int) -> Sequence[str]:
    client, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    return [
        str(program),
        f"--data-dir={home / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
    ]


def apiserver_command(program: Path, home: Path, etcd: int, port: int) -> Sequence[str]:
    return [
        str(program),
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        f"--cert-dir={home / 'certificates'}",
        "--service-account-issuer=https://kubernetes.invalid",
        f"--service-account-signing-key-file={home / 'accounts.key'}",
        f"--service-account-key-file={home / 'accounts.key'}",
        f"--token-auth-file={home / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
        # It would wait for default accounts, which no controller makes here.
        "--disable-admission-plugins=ServiceAccount",
    ]


def signing_key() -> bytes:
    """The server insists on a key for service accounts' tokens."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
