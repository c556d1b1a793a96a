"""What the assistant writes without a model, per language: the notices, the fallback text and what
it says when a budget is spent."""

from collections.abc import Mapping

from common.command_words import Command, known_language
from common.events import TenantConfig, TenantSettings
from common.events.config import DEFAULT_FALLBACK_TEXT

NOTICES: Mapping[str, Mapping[Command, str]] = {
    "es": {
        "opt_out": "De acuerdo, no le escribiremos más. Si quiere volver, envíe ALTA.",
        "opt_in": "Bienvenido de nuevo: volvemos a atenderle por aquí.",
        "handover": "Le paso con una persona del equipo. Le responderá en cuanto pueda.",
    },
    "en": {
        "opt_out": "All right, we will not write again. To come back, send START.",
        "opt_in": "Welcome back: we answer you here again.",
        "handover": "A person from our team will take over and answer as soon as possible.",
    },
    "pt": {
        "opt_out": "Tudo bem, não vamos mais escrever. Para voltar, envie VOLTAR.",
        "opt_in": "Que bom ter você de volta: já respondemos por aqui novamente.",
        "handover": "Uma pessoa da equipe vai assumir a conversa e responder assim que puder.",
    },
    "fr": {
        "opt_out": "C'est noté, nous ne vous écrirons plus. Pour revenir, envoyez REPRENDRE.",
        "opt_in": "Heureux de vous retrouver : nous vous répondons de nouveau ici.",
        "handover": "Une personne de l'équipe prend le relais et vous répondra dès que possible.",
    },
    "de": {
        "opt_out": "In Ordnung, wir schreiben Ihnen nicht mehr. Mit STARTEN geht es weiter.",
        "opt_in": "Willkommen zurück: Wir antworten Ihnen hier wieder.",
        "handover": "Eine Person aus unserem Team übernimmt und antwortet so bald wie möglich.",
    },
    "it": {
        "opt_out": "Va bene, non le scriveremo più. Per tornare, invii RIPRENDI.",
        "opt_in": "Bentornato: torniamo a risponderle qui.",
        "handover": "Una persona del nostro team le risponderà appena possibile.",
    },
    "ca": {
        "opt_out": "D'acord, no li escriurem més. Si vol tornar, enviï ALTA.",
        "opt_in": "Benvingut de nou: tornem a atendre'l per aquí.",
        "handover": "El passo amb una persona de l'equip. Li respondrà tan aviat com pugui.",
    },
}
FALLBACKS = {
    "es": DEFAULT_FALLBACK_TEXT,
    "en": "I can't answer right now. We will reply as soon as possible.",
    "pt": "No momento não consigo responder. Retornaremos assim que possível.",
    "fr": "Je ne peux pas répondre pour le moment. Nous vous répondrons dès que possible.",
    "de": "Im Moment kann ich nicht antworten. Wir melden uns so bald wie möglich.",
    "it": "In questo momento non posso rispondere. Le risponderemo appena possibile.",
    "ca": "Ara mateix no puc respondre. Li contestarem tan aviat com puguem.",
}
STALE_TEXTS = {
    "es": "Perdone la demora: no pudimos leer su mensaje a tiempo. Si aún lo necesita, escríbanos"
    " de nuevo.",
    "en": "Sorry for the delay: we could not read your message in time. If you still need us,"
    " please write again.",
    "pt": "Desculpe a demora: não conseguimos ler a sua mensagem a tempo. Se ainda precisar,"
    " escreva novamente.",
    "fr": "Désolé pour l'attente : nous n'avons pas pu lire votre message à temps. Si besoin,"
    " écrivez-nous à nouveau.",
    "de": "Entschuldigen Sie die Verzögerung: Wir konnten Ihre Nachricht nicht rechtzeitig lesen."
    " Schreiben Sie uns bitte noch einmal, falls Sie uns noch brauchen.",
    "it": "Ci scusi per il ritardo: non abbiamo potuto leggere il messaggio in tempo. Se ha ancora"
    " bisogno, ci scriva di nuovo.",
    "ca": "Perdoni la demora: no hem pogut llegir el missatge a temps. Si encara ho necessita,"
    " torni'ns a escriure.",
}
# EU AI Act, article 50(1): people must be told, at the first contact, that they talk to an AI. In
# capitals the word that brings a person.
DISCLOSURES = {
    "es": "Soy el asistente virtual de {name}, con inteligencia artificial. Para hablar con una"
    " persona, escriba PERSONA.",
    "en": "I am the AI assistant of {name}. To talk to a person, write HUMAN.",
    "pt": "Sou o assistente virtual de {name}, com inteligência artificial. Para falar com uma"
    " pessoa, escreva ATENDENTE.",
    "fr": "Je suis l'assistant IA de {name}. Pour parler à une personne, écrivez CONSEILLER.",
    "de": "Ich bin der KI-Assistent von {name}. Für ein Gespräch mit einer Person schreiben Sie"
    " MENSCH.",
    "it": "Sono l'assistente virtuale di {name}, con intelligenza artificiale. Per parlare con una"
    " persona, scriva OPERATORE.",
    "ca": "Soc l'assistent virtual de {name}, amb intel·ligència artificial. Per parlar amb una"
    " persona, escrigui PERSONA.",
}

BUDGET_TEXTS = {
    "es": "Por ahora no puedo responder más por aquí. Le contestaremos lo antes posible.",
    "en": "I can't answer any more here for now. We will reply as soon as possible.",
    "pt": "Por agora não posso responder mais por aqui. Retornaremos assim que possível.",
    "fr": "Je ne peux plus répondre ici pour le moment. Nous vous répondrons dès que possible.",
    "de": "Im Moment kann ich hier nicht weiter antworten. Wir melden uns so bald wie möglich.",
    "it": "Per ora non posso più rispondere qui. Le risponderemo appena possibile.",
    "ca": "Ara per ara no puc respondre més per aquí. Li contestarem tan aviat com puguem.",
}
# What opens a list of options; WhatsApp shows 20 characters.
CHOICES_BUTTONS = {
    "es": "Ver opciones",
    "en": "See options",
    "pt": "Ver opções",
    "fr": "Voir les options",
    "de": "Optionen",
    "it": "Vedi opzioni",
    "ca": "Veure opcions",
}


def choices_button(language: str) -> str:
    """language: a client's setting, such as pt-BR."""
    return CHOICES_BUTTONS[known_language(language)]


def notice(command: Command, language: str) -> str:
    """language: a client's setting, such as pt-BR."""
    return NOTICES[known_language(language)][command]


def fallback_text(settings: TenantSettings) -> str:
    """The client's own, else that of its language."""
    own = settings.fallback_text
    return own if own != DEFAULT_FALLBACK_TEXT else FALLBACKS[known_language(settings.language)]


def stale_text(language: str) -> str:
    return STALE_TEXTS[known_language(language)]


def disclosure_text(tenant: TenantConfig) -> str:
    """The client's own, else that of its language; "" for a client that wants none."""
    own = tenant.settings.disclosure_text
    if own is not None:
        return own
    return DISCLOSURES[known_language(tenant.settings.language)].format(name=tenant.name)


def budget_text(settings: TenantSettings) -> str:
    return settings.budget_text or BUDGET_TEXTS[known_language(settings.language)]
