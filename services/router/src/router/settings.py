"""What the router reads from its environment."""

from pydantic import Field

from common.service.settings import ServiceSettings


class Settings(ServiceSettings):
    """Kafka and the logs are all it needs; counts are of messages and statuses."""

    router_remembered: int = Field(default=100_000, ge=0)  # 40 MB
