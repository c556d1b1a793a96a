"""The events: one frozen schema each. See common.topics for where they travel."""

from common.events.config import (
    AssistantConfig,
    ConfigEvent,
    OpeningHours,
    TenantConfig,
    TenantSettings,
)
from common.events.event import Event, Undecodable, conversation_key, event_id
from common.events.messages import (
    ConversationEvent,
    MessageReceived,
    OutcomeName,
    OutcomeRecorded,
    StatusReceived,
)
from common.events.replies import DeliveryChanged, DeliveryState, ReplyReady

__all__ = [
    "AssistantConfig",
    "ConfigEvent",
    "ConversationEvent",
    "DeliveryChanged",
    "DeliveryState",
    "Event",
    "MessageReceived",
    "OpeningHours",
    "OutcomeName",
    "OutcomeRecorded",
    "ReplyReady",
    "StatusReceived",
    "TenantConfig",
    "TenantSettings",
    "Undecodable",
    "conversation_key",
    "event_id",
]
