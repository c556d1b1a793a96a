"""What the emulator answers: rules first, then the assistant's own instructions."""

import re
from datetime import date
from typing import Any

import orjson
import pytest

from assistant.prompt import HOUSE_RULES
from devkit.businesses import DEMO
from devkit.emulators.openai.answer import Answer, decide
from devkit.emulators.openai.business import read_business
from devkit.emulators.openai.config import Match, Rule, ToolCall
from devkit.emulators.openai.models import CATALOGUE
from devkit.emulators.openai.response import build_response
from devkit.emulators.openai.stream import events_of
from devkit.emulators.openai.validate import Request, parse_request

TRATTORIA = """Eres el asistente de WhatsApp de Trattoria Bella Napoli, un restaurante de Madrid.
Responde siempre en español y con amabilidad.
Horario: de martes a domingo, de 13:00 a 16:00 y de 20:00 a 23:30.
Carta:
- Pizza margarita: 9 €
- Lasaña de la casa: 11 €
Las reservas se confirman en menos de una hora.
Dirección: calle Mayor 1."""
CLINIC = """You are the assistant of Smile Dental Clinic, a dentist in Dublin.
Opening hours: Monday to Friday, 9:00 to 18:00.
Services: check-up 40 €, whitening 120 €.
To book an appointment we need the name and the day."""


def asked(user: Any, instructions: str = TRATTORIA, **changes: Any) -> Request:
    request = {"model": "gpt-6-luna", "instructions": instructions, "input": user, **changes}
    return parse_request(orjson.dumps(request), CATALOGUE, date(2026, 11, 25))


def said(user: Any, instructions: str = TRATTORIA, **changes: Any) -> str:
    return decide(asked(user, instructions, **changes), ()).text


@pytest.mark.parametrize(
    ("instructions", "name", "language"),
    [
        (TRATTORIA, "Trattoria Bella Napoli", "es"),
        (CLINIC, "Smile Dental Clinic", "en"),
        ("Eres la recepcionista de la Peluquería Sol en Lugo. Atiende.", "Peluquería Sol", "es"),
        ("Negocio: Óptica Luz\nHorario: 9:00 a 14:00", "Óptica Luz", "es"),
        ("Responde con amabilidad.", "", "es"),
    ],
)
def test_reads_the_business_from_the_instructions(
    instructions: str, name: str, language: str
) -> None:
    business = read_business(instructions)
    assert business.name == name
    assert business.language == language


@pytest.mark.parametrize(
    ("instructions", "text", "expected"),
    [
        (
            TRATTORIA,
            "Hola, buenas tardes",
            "¡Hola! 👋 Le atiende el asistente de **Trattoria Bella",
        ),
        (TRATTORIA, "¿A qué hora abrís?", "de 20:00 a 23:30"),
        (TRATTORIA, "me pasas el menú?", "- Pizza margarita: 9 €\n- Lasaña de la casa: 11 €"),
        (TRATTORIA, "quiero reservar para dos", "**día**, **hora** y **número de personas**"),
        (TRATTORIA, "dónde estáis?", "- Calle Mayor 1"),
        (TRATTORIA, "Gracias!", "Trattoria Bella Napoli"),
        (TRATTORIA, "¿reparáis {bicis}?", "«¿reparáis {bicis}?»"),
        (CLINIC, "hi there", "Smile Dental Clinic"),
        (CLINIC, "when are you open", "Monday to Friday"),
        (CLINIC, "what services do you have", "- Check-up 40 €\n- Whitening 120 €"),
    ],
)
def test_answers_with_what_the_instructions_say(
    instructions: str, text: str, expected: str
) -> None:
    assert expected in said(text, instructions)


SONRISA = DEMO[1].instructions
HOURS, PLACE, CLEANING = "de 9:30 a 14:00", "Calle Larios, 12", "Limpieza: 55 €"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("me duele mucho una muela 😭", ["Urgencias: si hay dolor fuerte"]),
        ("¿se puede pagar a plazos?", ["24 meses sin intereses"]),
        ("¿ponéis brackets?", ["Ortodoncia: presupuesto sin compromiso"]),
        ("¿Qué horario tienen? ¿Y dónde están?", [HOURS, PLACE]),
        ("Hola, ¿dónde estáis y cuánto cuesta la limpieza?", [PLACE, CLEANING]),
        ("¿Qué horario tienen?\nme duele una muela", [HOURS, "Urgencias"]),
    ],
)
def test_answers_what_people_try(text: str, expected: list[str]) -> None:
    answer = said(text, SONRISA)
    assert [one for one in expected if one not in answer] == []
    assert "He entendido" not in answer
    assert "👋" not in answer  # no small talk where something was asked


@pytest.mark.parametrize("instructions", [TRATTORIA, SONRISA])
def test_what_is_added_to_instructions_is_nothing_of_the_business(instructions: str) -> None:
    assert read_business(f"{instructions}\n\n{HOUSE_RULES}") == read_business(instructions)


def test_says_nothing_twice() -> None:
    answer = said("¿Qué precios tiene la carta? ¿Qué precio tiene la pizza? ¿La carta?")
    assert answer.count("Lasaña de la casa: 11 €") == 1


@pytest.mark.parametrize(
    ("instructions", "text", "expected"),
    [
        (TRATTORIA, "[location: Puerta del Sol; (40.4, -3.7)]", "he recibido su **ubicación**"),
        (TRATTORIA, "Location: Puerta del Sol, (40.4, -3.7)", "he recibido su **ubicación**"),
        (CLINIC, "[location: Dublin; (53.3, -6.2)]", "I have your **location**"),
        (TRATTORIA, "[contact: Ana, +34600999888]", "he recibido el **contacto**"),
        (TRATTORIA, "[voice note]", "No he podido oír su **nota de voz**"),
        (TRATTORIA, "[voice note] [could not be opened]", "No he podido oír"),
        (TRATTORIA, "[photo] [not opened: too large]", "No he podido abrir su **archivo**"),
        (TRATTORIA, "[photo]", "No he podido abrir su **archivo**"),
        (TRATTORIA, "[video]", "no puedo verlo"),
    ],
)
def test_says_what_it_got_that_is_no_text(instructions: str, text: str, expected: str) -> None:
    answer = said(text, instructions)
    assert expected in answer
    assert "[" not in answer
    assert "Location" not in answer


def test_a_voice_note_is_answered_like_a_text() -> None:
    assert said("[voice note] ¿Qué horario tienen?") == said("¿Qué horario tienen?")


def test_a_price_question_about_one_thing_is_answered_with_that_thing() -> None:
    answer = said("¿Cuánto cuesta la lasaña?")
    assert "11 €" in answer
    assert "9 €" not in answer


def test_orders_to_the_assistant_are_never_shown_to_a_contact() -> None:
    assert all("Responde siempre" not in fact for fact in read_business(TRATTORIA).facts)


def test_remembers_the_name_from_the_history_it_was_sent() -> None:
    history = [
        {"role": "user", "content": "Hola, me llamo Lucía"},
        {"role": "assistant", "content": "¡Hola!"},
        {"role": "user", "content": "¿Cómo me llamo?"},
    ]
    assert said(history) == "Se llama **Lucía**."
    assert said(history[2:]) == "Todavía no me ha dicho su nombre."


def test_repeats_the_ledger_tokens_of_the_unanswered_messages_only() -> None:
    items = [
        {"role": "user", "content": "[[ledger:1/ana/1]]"},
        {"role": "assistant", "content": "[[ledger:1/ana/1]]"},
        {"role": "user", "content": "uno [[ledger:1/ana/2]]"},
        {"role": "user", "content": [{"type": "input_text", "text": "dos [[ledger:1/ana/3]]"}]},
    ]
    assert re.findall(r"ana/(\d)", said(items)) == ["2", "3"]


def test_the_first_matching_rule_wins_and_its_template_is_filled() -> None:
    rules = [
        Rule(Match(instructions="Otro negocio"), answer="no"),
        Rule(Match(text=re.compile("vino"), model="gpt-6-luna"), answer="{name}: {text} ({model})"),
        Rule(Match(text=re.compile("vino")), answer="no"),
    ]
    answer = decide(asked("¿hay vino? [[ledger:1/a/1]]"), rules)
    assert answer.text == "Trattoria Bella Napoli: ¿hay vino? [[ledger:1/a/1]] (gpt-6-luna)"


def test_a_rule_can_call_a_tool_and_then_speak() -> None:
    rules = [
        Rule(Match(has_tool_result=False), tool_call=ToolCall("look_up", "{not json")),
        Rule(Match(has_tool_result=True), answer="listo"),
    ]
    call = {"type": "function_call", "call_id": "c", "name": "look_up", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "42"}
    question = {"role": "user", "content": "precio"}
    assert decide(asked([question]), rules).tool_call == ToolCall("look_up", "{not json")
    assert decide(asked([question, call, result]), rules).text == "listo"


def test_asking_for_a_person_calls_the_hand_over_tool_when_there_is_one() -> None:
    properties = {"reason": {"type": "string"}, "urgency": {"enum": ["low", "high"]}}
    parameters = {"type": "object", "properties": properties}
    tools = [{"type": "function", "name": "hand_over", "parameters": parameters}]
    call = decide(asked("quiero hablar con una persona", tools=tools), ()).tool_call
    assert call is not None
    assert orjson.loads(call.arguments)["urgency"] == "low"
    assert decide(asked("quiero hablar con una persona"), ()).tool_call is None


def test_a_json_schema_format_is_answered_with_json_of_that_shape() -> None:
    properties = {"reply": {"type": "string"}, "sure": {"type": "boolean"}}
    schema = {"type": "object", "properties": properties}
    text = {"format": {"type": "json_schema", "name": "a", "schema": schema}}
    assert orjson.loads(said("Gracias", text=text))["sure"] is False


def test_too_few_output_tokens_leave_the_answer_incomplete() -> None:
    short = build_response(asked("hola", max_output_tokens=16), Answer(text="a" * 100), 0)
    assert short["status"] == "incomplete"
    assert short["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [item["type"] for item in short["output"]] == ["reasoning"]
    plain = asked("hola", max_output_tokens=16, reasoning={"effort": "none"})
    cut = build_response(plain, Answer(text="a" * 100), 0)
    assert cut["output"][0]["content"][0]["text"] == "a" * 64


def test_the_stream_carries_the_same_text_as_the_response() -> None:
    response = build_response(asked("hola"), Answer(text="uno dos tres " * 9), 0)
    events = list(events_of(response))
    deltas = [event["delta"] for event in events if event["type"].endswith("output_text.delta")]
    assert "".join(deltas) == "uno dos tres " * 9
    assert events[-1] == {"type": "response.completed", "response": response}
