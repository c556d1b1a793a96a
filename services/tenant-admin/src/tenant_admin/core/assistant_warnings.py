"""What an operator is told of an assistant that its model will not take as it is written. Pure."""

from common.openai_models import capabilities_of, warning_of_end
from tenant_admin.core.schemas import AssistantBody


def warnings_of(body: AssistantBody) -> tuple[str, ...]:
    """What will not work as it is written. A name is never changed here: on another server it may
    be valid for ever."""
    known = capabilities_of(body.model)
    effort = known.effort_for(body.reasoning_effort) if known else body.reasoning_effort
    takes_sampling = known.takes_sampling(effort) if known else effort == "none"
    warnings = [warning_of_end(body.model)]
    if effort != body.reasoning_effort:
        instead = f"{effort} is sent" if effort else "it is not sent"
        warnings.append(
            f"reasoning_effort: {body.model} does not take {body.reasoning_effort}; {instead}"
        )
    if known and body.verbosity and not known.verbosity:
        warnings.append(f"verbosity: not sent, {body.model} does not take it")
    if (body.temperature is not None or body.top_p is not None) and not takes_sampling:
        warnings.append("temperature, top_p: not sent while reasoning_effort is not none")
    if known and known.max_output and body.max_output_tokens > known.max_output:
        warnings.append(f"max_output_tokens: {body.model} gives {known.max_output} at most")
    return tuple(warning for warning in warnings if warning)
