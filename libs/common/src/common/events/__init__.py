"""The events: one frozen schema each. See common.topics for where they travel."""

from common.events.attachments import (
    FlowReply,
    MediaFile,
    Order,
    OrderItem,
    PreviousIds,
    Referral,
    SharedContact,
)
from common.events.config import (
    AssistantConfig,
    ConfigEvent,
    OpeningHours,
    TenantConfig,
    TenantSettings,
)
from common.events.conversation_events import CommandName, ConversationChanged, ConversationCommand
from common.events.event import Event, Undecodable, conversation_key, event_id
from common.events.messages import (
    ConversationEvent,
    MessageReceived,
    OutcomeName,
    OutcomeRecorded,
    StatusReceived,
)
from common.events.replies import DeliveryChanged, DeliveryClass, DeliveryState, ReplyReady
from common.events.usage import UsageRecorded

__all__ = [
    "AssistantConfig",
    "CommandName",
    "ConfigEvent",
    "ConversationChanged",
    "ConversationCommand",
    "ConversationEvent",
    "DeliveryChanged",
    "DeliveryClass",
    "DeliveryState",
    "Event",
    "FlowReply",
    "MediaFile",
    "MessageReceived",
    "OpeningHours",
    "Order",
    "OrderItem",
    "OutcomeName",
    "OutcomeRecorded",
    "PreviousIds",
    "Referral",
    "ReplyReady",
    "SharedContact",
    "StatusReceived",
    "TenantConfig",
    "TenantSettings",
    "Undecodable",
    "UsageRecorded",
    "conversation_key",
    "event_id",
]
