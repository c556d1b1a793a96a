"""Messages that change another one: a reaction, an edit, a deletion."""

from devkit.emulators.whatsapp.state import Message


def changed_by(message: Message) -> str | None:
    """The wamid of the message that this one changes; None: it stands for itself."""
    match message.kind:
        case "reaction":
            return str(message.content["message_id"])
        case "edit" | "revoke":
            return str(message.content["original_message_id"])
    return None


def change(target: Message, message: Message) -> None:
    match message.kind:
        case "reaction":
            target.reactions[message.outgoing] = message.content.get("emoji", "")
        case "edit":
            edited = message.content["message"]
            target.content = target.content | edited[edited["type"]]
            target.edited = True
        case "revoke":
            target.deleted = True
