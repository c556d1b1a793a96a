"""What a contact may choose from with a tap: WhatsApp's reply buttons and lists."""

from pydantic import BaseModel, ConfigDict, Field


class Choice(BaseModel):
    """One option. WhatsApp's limits are checked by who sends: an option may be too long for it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(min_length=1, description="Comes back as MessageReceived.choice_id")
    title: str = Field(min_length=1)
    description: str | None = None


class Choices(BaseModel):
    """The text above the options, and the options; `ReplyReady.text` says both in words."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str = Field(min_length=1, description="Markdown as the model wrote it")
    options: tuple[Choice, ...] = Field(min_length=2)
    button: str = Field(min_length=1, description="What opens a list, in the client's language")
