"""What the emulated assistant says, per language, and the words that make it say it."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """`asked` is searched in the user's text, `told` in the facts of the instructions."""

    key: str
    asked: re.Pattern[str]
    told: re.Pattern[str]


def topic(key: str, asked: str, told: str) -> Topic:
    return Topic(key, re.compile(asked, re.IGNORECASE), re.compile(told, re.IGNORECASE))


PRICE = r"\d+(?:[.,]\d+)?\s?(?:€|eur|\$|usd|mxn|cop|£)|[€$£]\s?\d"
TOPICS = (
    topic(
        "price",
        r"precio|cu[aá]nto|cuesta|vale\b|tarifa|price|cost|how much|preço|quanto|custa",
        PRICE,
    ),
    topic(
        "hours",
        r"horario|\babr|abierto|cerr[aá]|cierr|qué hora|hours|open|clos(?:e|ing)|hor[áa]rio|aberto",
        r"horario|abrimos|abierto|cerrado|\bde lunes|hours|open|closed|hor[áa]rio|\d{1,2}:\d{2}",
    ),
    topic(
        "booking",
        r"reserv|\bcita|turno|\bmesa\b|\bbook|appointment|table for|agend|marcar",
        r"reserv|\bcitas?\b|turno|book|appointment|agend",
    ),
    topic(
        "place",
        r"d[oó]nde|direcci[oó]n|ubicaci|c[oó]mo llego|where|address|onde fica|endereço",
        r"direcci[oó]n|ubicad|estamos en|\bcalle\b|avenida|address|located|street|endereço|\brua\b",
    ),
    topic(
        "menu",
        r"carta|men[uú]|platos|servicios|cat[aá]logo|productos|qu[eé] (?:hay|ten[eé]is|tienen|"
        r"ofrec)|services|products|what do you (?:have|offer)|card[aá]pio|serviços",
        r"carta|men[uú]|platos|especialidad|servicios|tratamientos|cat[aá]logo|productos|services|"
        r"products|treatments|card[aá]pio|serviços",
    ),
    topic("thanks", r"gracias|thank|obrigad", r"(?!)"),
    topic("bye", r"adi[oó]s|hasta luego|\bbye\b|tchau", r"(?!)"),
    topic("greeting", r"\bhola\b|buen[oa]s|saludos|\bhi\b|\bhello\b|\bhey\b|ol[aá]\b", r"(?!)"),
)
BY_KEY = {one.key: one for one in TOPICS}

SAID_NAME = re.compile(r"(?:me llamo|mi nombre es|my name is|meu nome é|me chamo)\s+(\w+)", re.I)
ASKED_NAME = re.compile(
    r"c[oó]mo me llamo|cu[aá]l es mi nombre|what(?:'s| is) my name|qual é o meu nome", re.I
)
ASKED_PERSON = re.compile(
    r"\b(?:persona|humano|agente|encargad[oa]|human|person|agent|operator|pessoa|atendente)\b", re.I
)
HANDOVER_TOOL = re.compile(r"hand.?(?:off|over)|human|escalate|transfer", re.I)

LABELS = {
    "es": {
        "menu": "lo que ofrecemos",
        "hours": "el horario",
        "booking": "reservas",
        "price": "precios",
        "place": "cómo llegar",
    },
    "en": {
        "menu": "what we offer",
        "hours": "opening hours",
        "booking": "bookings",
        "price": "prices",
        "place": "how to find us",
    },
    "pt": {
        "menu": "o que oferecemos",
        "hours": "o horário",
        "booking": "reservas",
        "price": "preços",
        "place": "como chegar",
    },
}
PHRASES = {
    "es": {
        "greeting": "¡Hola{person}! 👋 Le atiende el asistente de **{name}**.",
        "offer": "Puedo ayudarle con:",
        "ask": "¿En qué puedo ayudarle?",
        "menu": "Esto es lo que ofrecemos en **{name}**:",
        "hours": "Nuestro **horario** en {name}:",
        "booking": "Con mucho gusto le ayudo con su **reserva** en {name}.",
        "booking_ask": "Dígame **día**, **hora** y **número de personas**, por favor.",
        "price": "Estos son los **precios** en {name}:",
        "place": "Así nos encuentra:",
        "fact": "Sobre eso, en **{name}**:",
        "thanks": "¡Gracias a usted! En **{name}** estamos para lo que necesite.",
        "bye": "¡Hasta pronto! Gracias por escribir a **{name}**.",
        "unknown": "He entendido: «{text}». No tengo ese dato de **{name}**.",
        "your_name": "Se llama **{person}**.",
        "no_name": "Todavía no me ha dicho su nombre.",
        "tool": "He consultado sus datos:",
        "received": "Recibido:",
        "us": "nuestro negocio",
    },
    "en": {
        "greeting": "Hello{person}! 👋 You are talking to the assistant of **{name}**.",
        "offer": "I can help you with:",
        "ask": "How can I help you?",
        "menu": "This is what we offer at **{name}**:",
        "hours": "Our **opening hours** at {name}:",
        "booking": "I will gladly help you with your **booking** at {name}.",
        "booking_ask": "Please tell me the **day**, the **time** and **how many people**.",
        "price": "These are the **prices** at {name}:",
        "place": "How to find us:",
        "fact": "About that, at **{name}**:",
        "thanks": "Thank you! **{name}** is here whenever you need us.",
        "bye": "See you soon! Thank you for writing to **{name}**.",
        "unknown": "I understood: “{text}”. I do not have that information about **{name}**.",
        "your_name": "Your name is **{person}**.",
        "no_name": "You have not told me your name yet.",
        "tool": "I have looked it up:",
        "received": "Received:",
        "us": "our business",
    },
    "pt": {
        "greeting": "Olá{person}! 👋 Aqui fala o assistente de **{name}**.",
        "offer": "Posso ajudar com:",
        "ask": "Em que posso ajudar?",
        "menu": "Isto é o que oferecemos em **{name}**:",
        "hours": "O nosso **horário** em {name}:",
        "booking": "Com muito gosto ajudo com a sua **reserva** em {name}.",
        "booking_ask": "Diga-me o **dia**, a **hora** e o **número de pessoas**, por favor.",
        "price": "Estes são os **preços** em {name}:",
        "place": "Assim nos encontra:",
        "fact": "Sobre isso, em **{name}**:",
        "thanks": "Obrigado! **{name}** está sempre ao seu dispor.",
        "bye": "Até breve! Obrigado por escrever a **{name}**.",
        "unknown": "Entendi: «{text}». Não tenho essa informação de **{name}**.",
        "your_name": "O seu nome é **{person}**.",
        "no_name": "Ainda não me disse o seu nome.",
        "tool": "Consultei os dados:",
        "received": "Recebido:",
        "us": "o nosso negócio",
    },
}
