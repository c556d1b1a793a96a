"""The events: one frozen schema each. See common.topics for where they travel."""

from common.events.account_events import AccountNews, NewsLevel
from common.events.attachments import (
    FlowReply,
    MediaFile,
    Order,
    OrderItem,
    OutgoingMedia,
    PreviousIds,
    Referral,
    SharedContact,
)
from common.events.choices import Choice, Choices
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
from common.events.replies import (
    DeliveryChanged,
    DeliveryClass,
    DeliveryState,
    ReplyKind,
    ReplyReady,
    TurnProgress,
)
from common.events.usage import UsageRecorded

__all__ = [
    "AccountNews",
    "AssistantConfig",
    "Choice",
    "Choices",
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
    "NewsLevel",
    "OpeningHours",
    "Order",
    "OrderItem",
    "OutcomeName",
    "OutcomeRecorded",
    "OutgoingMedia",
    "PreviousIds",
    "Referral",
    "ReplyKind",
    "ReplyReady",
    "SharedContact",
    "StatusReceived",
    "TenantConfig",
    "TenantSettings",
    "TurnProgress",
    "Undecodable",
    "UsageRecorded",
    "conversation_key",
    "event_id",
]
