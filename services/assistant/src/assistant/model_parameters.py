"""How the model is called: the published version's parameters and the client's own, as far as the
model takes them. Pure.
"""

from typing import Any

from common.events import AssistantConfig, TenantSettings
from common.openai_models import Capabilities, capabilities_of


def model_parameters(settings: TenantSettings, assistant: AssistantConfig) -> dict[str, Any]:
    """Members of the request. A model that the table does not know gets all of them: what it
    refuses the gateway leaves out."""
    model = settings.model or assistant.model
    known = capabilities_of(model)
    effort: str | None = settings.reasoning_effort or assistant.reasoning_effort
    if known:
        effort = known.effort_for(effort)
    parameters: dict[str, Any] = {
        "model": model,
        "max_output_tokens": output_tokens(assistant, known),
    }
    if effort:
        parameters["reasoning"] = {"effort": effort}
    if assistant.verbosity and (known is None or known.verbosity):
        parameters["text"] = {"verbosity": assistant.verbosity}
    takes_sampling = known.takes_sampling(effort) if known else effort == "none"
    return parameters | (sampling(assistant) if takes_sampling else {})


def output_tokens(assistant: AssistantConfig, known: Capabilities | None) -> int:
    most = known.max_output if known else None
    return min(assistant.max_output_tokens, most or assistant.max_output_tokens)


def sampling(assistant: AssistantConfig) -> dict[str, float]:
    parameters = {"temperature": assistant.temperature, "top_p": assistant.top_p}
    return {name: value for name, value in parameters.items() if value is not None}
