"""A CA of a test's own, and what it signed: for 127.0.0.1, for a day."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devkit.stack.broker_security import BrokerTls

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Authority:
    key: Key
    certificate: x509.Certificate

    @classmethod
    def fresh(cls) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = named("CA of the tests")
        built = builder(name, name, key).add_extension(x509.BasicConstraints(True, None), True)
        return cls(key, built.sign(key, hashes.SHA256()))

    def issue(self, name: str) -> tuple[Key, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        place = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        built = builder(named(name), self.certificate.subject, key).add_extension(place, False)
        return key, built.sign(self.key, hashes.SHA256())


def broker_tls(folder: Path, *, with_client: bool = False) -> BrokerTls:
    """Files of a broker, and of its clients if they are to show a certificate."""
    authority = Authority.fresh()
    key, certificate = authority.issue("broker")
    ca = written(folder / "ca.pem", pem(authority.certificate))
    keystore = written(folder / "broker.pem", key_pem(key) + pem(certificate))
    if not with_client:
        return BrokerTls(keystore, ca)
    key, certificate = authority.issue("client")
    client = (
        written(folder / "client.pem", pem(certificate)),
        written(folder / "client-key.pem", key_pem(key)),
    )
    return BrokerTls(keystore, ca, client)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def builder(subject: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
