"""Whose server and key a client's calls of OpenAI go to."""

from assistant.openai.model_server import NO_KEY, ModelServer
from common.events import TenantConfig
from common.tenant_secrets import TenantSecrets


def server_of(tenant: TenantConfig, api_keys: TenantSecrets) -> ModelServer:
    """The installation's key never goes to a client's own server. Raises NoSecret."""
    base_url = tenant.settings.openai_base_url
    if base_url and tenant.openai_api_key is None:
        return ModelServer(NO_KEY, base_url)
    return ModelServer(api_keys.secret_of(tenant), base_url)
