"""What a message carries besides its text, as WhatsApp names it. The router bounds every size."""

from pydantic import BaseModel, ConfigDict, Field


class Attachment(BaseModel):
    """Frozen, additive-only, unknown fields ignored: like the events."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class MediaFile(Attachment):
    """A file at WhatsApp; its id can be downloaded for 7 days."""

    id: str = Field(min_length=1)
    mime_type: str | None = None
    sha256: str | None = Field(default=None, description="Base64")
    filename: str | None = Field(default=None, description="Of a document")
    voice: bool | None = Field(default=None, description="Recorded in the chat, no audio file")
    animated: bool | None = None


class OutgoingMedia(Attachment):
    """A file that a person of the business sends. It is at WhatsApp already, for 30 days."""

    id: str = Field(min_length=1, description="As WhatsApp named it at the upload")
    kind: str = Field(description="An open set: image, document")
    mime_type: str
    filename: str = Field(min_length=1, description="What the contact sees of a document")
    caption: str | None = Field(default=None, description="Shown below it; at most 1,024 units")


class OrderItem(Attachment):
    """`quantity` and `price` (of one) are decimal numbers as text."""

    product_id: str = Field(description="product_retailer_id: the business's own id")
    quantity: str | None = None
    price: str | None = None
    currency: str | None = None


class Order(Attachment):
    """A cart of the catalog that the contact sent."""

    catalog_id: str | None = None
    items: tuple[OrderItem, ...] = ()
    note: str | None = None


class SharedContact(Attachment):
    """A card of somebody's address book."""

    name: str | None = None
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()


class FlowReply(Attachment):
    """A submitted form (Flow). Nested names are joined by dots, several values by commas."""

    name: str | None = None
    answers: dict[str, str] = Field(default_factory=dict)


class Referral(Attachment):
    """The ad or post that the contact came from."""

    source_type: str | None = Field(default=None, description="ad, post")
    source_id: str | None = None
    source_url: str | None = None
    headline: str | None = None
    body: str | None = None
    ctwa_clid: str | None = Field(default=None, description="Id of the click, for Meta's reports")


class PreviousIds(Attachment):
    """What the contact was known by until their number or their BSUID changed."""

    user_id: str | None = Field(default=None, description="BSUID")
    wa_id: str | None = Field(default=None, description="Phone, where the number changed")
