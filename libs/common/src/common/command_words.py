"""Words that are commands when a message is nothing else, per language, before a client's own.

A word of this table only ever concerns the messages or who writes them, never what a business
sells: CANCELAR, CANCEL, END, DARME DE BAJA or BASTA may answer a question about a booking, a
membership or an order, and whoever cancels an appointment would be silenced instead. People of
SMS platforms that must take CANCEL report just that. An operator may add them to a client that
sells nothing of the kind (`opt_out_words`). Likewise "una persona" and the French "personne" are
answers to "how many?".
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from common.folded_text import folded

Command = Literal["opt_out", "opt_in", "handover"]
FALLBACK_LANGUAGE = "en"

ALWAYS: Mapping[Command, str] = {
    "opt_out": "STOP, UNSUBSCRIBE, BAJA",
    "opt_in": "START, ALTA",
}
# Where a text could be read as two commands, the first in this order counts.
WORDS: Mapping[str, Mapping[Command, str]] = {
    "es": {
        "opt_out": "baja, stop, no más mensajes, no quiero más mensajes, no me escriban más",
        "opt_in": "alta, volver",
        "handover": "persona, humano, agente, asesor, asesora, operador, operadora, persona real,"
        " agente humano, atención humana, hablar con una persona, hablar con un humano,"
        " hablar con alguien, hablar con un agente, quiero hablar con una persona,"
        " quiero hablar con alguien",
    },
    "en": {
        "opt_out": "stop, stop all, stopall, unsubscribe, opt out, optout, no more messages,"
        " stop messages, stop messaging me",
        "opt_in": "start, unstop, subscribe, opt in, optin",
        "handover": "human, agent, person, operator, representative, real person, live agent,"
        " human agent, talk to a human, talk to a person, talk to someone, talk to an agent,"
        " speak to a human, speak to a person, speak to someone, speak to an agent",
    },
    "pt": {
        "opt_out": "sair, parar, descadastrar, não quero mais mensagens, chega de mensagens",
        "opt_in": "voltar, cadastrar, iniciar",
        "handover": "humano, atendente, pessoa, agente, operador, operadora, atendimento humano,"
        " falar com atendente, falar com um atendente, falar com uma pessoa, falar com um humano,"
        " falar com alguém, quero falar com uma pessoa, quero falar com um atendente",
    },
    "fr": {
        "opt_out": "arrêt, arrêter, désabonner, se désabonner, désinscrire, plus de messages",
        "opt_in": "reprendre, s'abonner",
        "handover": "humain, agent, conseiller, conseillère, opérateur, opératrice,"
        " parler à un humain, parler à une personne, parler à quelqu'un, parler à un conseiller,"
        " parler à un agent, je veux parler à quelqu'un",
    },
    "de": {
        "opt_out": "stopp, abmelden, abbestellen, keine Nachrichten, keine Nachrichten mehr",
        "opt_in": "starten, anmelden",
        "handover": "Mensch, Person, Mitarbeiter, Mitarbeiterin, Berater, Beraterin, Agent,"
        " echter Mensch, mit einem Menschen sprechen, mit einer Person sprechen,"
        " mit einem Mitarbeiter sprechen, mit jemandem sprechen",
    },
    "it": {
        "opt_out": "disiscrivi, disiscrivimi, basta messaggi, niente messaggi, non scrivetemi più",
        "opt_in": "riprendi, iscrivimi",
        "handover": "operatore, operatrice, umano, persona, agente, consulente, persona reale,"
        " parlare con un operatore, parlare con una persona, parlare con un umano,"
        " parlare con qualcuno, voglio parlare con una persona",
    },
    "ca": {
        "opt_out": "baixa, no més missatges, cap més missatge, no vull més missatges",
        "opt_in": "alta, tornar",
        "handover": "persona, humà, agent, assessor, assessora, operador, operadora, persona real,"
        " parlar amb una persona, parlar amb un humà, parlar amb algú, parlar amb un agent,"
        " vull parlar amb una persona",
    },
}
# May stand before or after a command, in any language.
POLITENESS = (
    "por favor, porfa, gracias, muchas gracias, please, pls, thanks, thank you, many thanks,"
    " obrigado, obrigada, s'il vous plaît, s'il te plaît, svp, merci, bitte, danke, vielen Dank,"
    " per favore, per piacere, grazie, si us plau, sisplau, gràcies, moltes gràcies"
)


def known_language(language: str) -> str:
    """`language` is a client's setting, such as pt-BR. Without words here: English."""
    short = language.split("-")[0]
    return short if short in WORDS else FALLBACK_LANGUAGE


@lru_cache(maxsize=1000)
def default_words(language: str) -> Mapping[Command, frozenset[str]]:
    """Folded, opt-out words first; the words that always count are among them."""
    own = WORDS[known_language(language)]
    return {command: listed(f"{ALWAYS.get(command, '')}, {own[command]}") for command in own}


def listed(words: str) -> frozenset[str]:
    """The folded words of a list with commas, such as POLITENESS."""
    return folded_words(tuple(words.split(",")))


@lru_cache(maxsize=10_000)
def folded_words(words: tuple[str, ...]) -> frozenset[str]:
    """Folded once: this was a tenth of a turn's CPU. What folds to nothing is no word."""
    return frozenset(filter(None, map(folded, words)))
