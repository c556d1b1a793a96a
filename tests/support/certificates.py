"""An authority of a test, and what it signs for a day, as PEM files."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devkit.stack.broker_security import BrokerTls

DAY = timedelta(days=1)
ADDRESS = "127.0.0.1"


class Signed(NamedTuple):
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """`folder` gets its certificate, `ca.pem`, and what it signs."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = named(f"authority {token_hex(4)}")
        limits = x509.BasicConstraints(ca=True, path_length=0)
        built = self._build(self._name, self._key).add_extension(limits, critical=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(pem(built.sign(self._key, hashes.SHA256())))

    def sign(self, name: str) -> Signed:
        """For a server of that host name or address, or a user of that name."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([general_name(name)])
        built = self._build(named(name), key).add_extension(names, critical=False)
        signed = Signed(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        signed.certificate.write_bytes(pem(built.sign(self._key, hashes.SHA256())))
        signed.key.touch(0o600)
        signed.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return signed

    def _build(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
        )


def broker_tls(folder: Path, *, with_client: bool = False) -> BrokerTls:
    """Files of a broker, and of its clients if they are to show a certificate."""
    authority = Authority(folder)
    broker = authority.sign(ADDRESS)
    keystore = folder / "broker.pem"
    keystore.touch(0o600)
    keystore.write_bytes(broker.key.read_bytes() + broker.certificate.read_bytes())
    client = authority.sign("client") if with_client else None
    return BrokerTls(keystore, authority.file, client)


def general_name(name: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ip_address(name))
    return x509.DNSName(name)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
