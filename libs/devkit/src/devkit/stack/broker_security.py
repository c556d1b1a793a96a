"""A local broker that knows who asks: SCRAM for its users, ACLs for their rights, TLS if wanted.

The administrator's password stands in the broker's own configuration (SASL/PLAIN), so it is there
before any user is, and data of an open broker can be gone on with.
"""

from dataclasses import dataclass
from pathlib import Path
from string import Template

from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from common.service.settings import KafkaSettings, SecurityProtocol

ADMIN = "admin"
MECHANISM = "SCRAM-SHA-512"
PROPERTIES = """
# Whoever reaches this port says who it is, and may do what it was granted.
listeners=CLIENTS://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=CLIENTS://127.0.0.1:$port
listener.security.protocol.map=CLIENTS:$protocol,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=CLIENTS
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.clients.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.clients.plain.sasl.jaas.config=$login
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config=$login
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:$admin
"""
LOGIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="$admin" password="$password" user_$admin="$password";'
)
TLS_PROPERTIES = """
ssl.keystore.type=PEM
ssl.keystore.location=$keystore
ssl.truststore.type=PEM
ssl.truststore.location=$ca
listener.name.clients.ssl.client.auth=$client_auth
"""


class GivenKafkaSettings(KafkaSettings):
    """As they are given; what the environment says is meant for another broker."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class BrokerTls:
    """keystore: the broker's key and certificate, PEM. ca: who signed it and its clients'.

    client: certificate and key that clients show; with them the broker asks for one.
    """

    keystore: Path
    ca: Path
    client: tuple[Path, Path] | None = None


@dataclass(frozen=True, slots=True)
class BrokerSecurity:
    """password: the administrator's, who may do everything."""

    password: str
    tls: BrokerTls | None = None

    @property
    def protocol(self) -> SecurityProtocol:
        return "SASL_SSL" if self.tls else "SASL_PLAINTEXT"

    def properties(self, port: int, controller_port: int) -> str:
        """To stand behind those of an open broker: the last of two counts."""
        text = Template(PROPERTIES).substitute(
            port=port,
            controller_port=controller_port,
            protocol=self.protocol,
            admin=ADMIN,
            login=Template(LOGIN).substitute(admin=ADMIN, password=self.password),
        )
        if self.tls is None:
            return text
        return text + Template(TLS_PROPERTIES).substitute(
            keystore=self.tls.keystore,
            ca=self.tls.ca,
            client_auth="required" if self.tls.client else "none",
        )

    def administrator(self, address: str) -> KafkaSettings:
        return self._settings(address, ADMIN, self.password, "PLAIN")

    def user(self, address: str, name: str, password: str) -> KafkaSettings:
        return self._settings(address, name, password, MECHANISM)

    def _settings(self, address: str, name: str, password: str, mechanism: str) -> KafkaSettings:
        certificate, key = (self.tls and self.tls.client) or (None, None)
        return GivenKafkaSettings.model_validate(
            {
                "kafka_bootstrap_servers": address,
                "kafka_security_protocol": self.protocol,
                "kafka_sasl_mechanism": mechanism,
                "kafka_username": name,
                "kafka_password": SecretStr(password),
                "kafka_ca_file": self.tls.ca if self.tls else None,
                "kafka_certificate_file": certificate,
                "kafka_key_file": key,
            }
        )
