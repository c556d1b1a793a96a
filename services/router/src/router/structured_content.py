"""Orders and shared contacts in words, and as fields for those who act on them.

The numbers here keep an event below its topic's size, whatever a webhook holds.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from common.description import described
from common.events import Order, OrderItem, SharedContact
from common.lenient_json import at, identifier_at, objects_at, text_at
from router.message_text import joined
from router.webhook_items import MessageContent

MOST_ITEMS, MOST_CONTACTS = 100, 20
MOST_ADDRESSES = 5  # phones or emails of one contact
LONGEST_NOTE, LONGEST_NAME = 4_096, 200  # characters
LONGEST_ADDRESS, LONGEST_AMOUNT = 254, 32


def order_content(message: Any) -> MessageContent:
    order = Order(
        catalog_id=identifier_at(message, "order", "catalog_id"),
        items=tuple(islice(order_items(message), MOST_ITEMS)),
        note=text_at(message, "order", "text", longest=LONGEST_NOTE),
    )
    text = joined(described("order", *map(item_in_words, order.items)), order.note)
    return MessageContent("text", text, order=order)


def order_items(message: Any) -> Iterator[OrderItem]:
    for item in objects_at(message, "order", "product_items"):
        if product_id := identifier_at(item, "product_retailer_id"):
            yield OrderItem(
                product_id=product_id,
                quantity=amount_at(item, "quantity"),
                price=amount_at(item, "item_price"),
                currency=text_at(item, "currency", longest=LONGEST_AMOUNT),
            )


def amount_at(item: Any, name: str) -> str | None:
    """Meta shows numbers; a text is taken as it is."""
    value = at(item, name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.15g}"
    return text_at(item, name, longest=LONGEST_AMOUNT)


def item_in_words(item: OrderItem) -> str:
    product = f"{item.quantity} x {item.product_id}" if item.quantity else item.product_id
    price = f"{item.price} {item.currency or ''}".strip() if item.price else None
    return f"{product}, {price} each" if price else product


def contacts_content(message: Any) -> MessageContent:
    cards = objects_at(message, "contacts")[:MOST_CONTACTS]
    shared = tuple(map(shared_contact, cards))
    text = described("contact", *map(contact_in_words, shared))
    return MessageContent("text", text, shared_contacts=shared or None)


def shared_contact(card: Any) -> SharedContact:
    return SharedContact(
        name=text_at(card, "name", "formatted_name", longest=LONGEST_NAME),
        phones=addresses(card, "phones", "phone"),
        emails=addresses(card, "emails", "email"),
    )


def addresses(card: Any, several: str, one: str) -> tuple[str, ...]:
    entries = objects_at(card, several)[:MOST_ADDRESSES]
    found = [text_at(entry, one, longest=LONGEST_ADDRESS) for entry in entries]
    return tuple(address for address in found if address)


def contact_in_words(contact: SharedContact) -> str:
    return ", ".join(filter(None, (contact.name, *contact.phones, *contact.emails)))
