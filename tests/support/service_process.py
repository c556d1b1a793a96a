from tests.support.processes import ServiceProcess as Service
from tests.support.processes import running_service as running

__all__ = ["Service", "running"]
