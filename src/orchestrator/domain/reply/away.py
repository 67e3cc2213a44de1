"""Notes of absence that no header gives away, told by their words.

A person may write "I am away until Monday" as well. So a note either calls itself automatic, or it says both that
somebody is away and what becomes of mail meanwhile, and no rule finds anything else in it: no question, no interest,
no wish to be left alone.
"""

from __future__ import annotations

import re

from orchestrator.domain.reply.folding import fold
from orchestrator.domain.reply.labels import classify
from orchestrator.domain.reply.mail import ReplyLabel
from orchestrator.domain.reply.quotes import new_text

#: Characters of the new text in which a note says what it is; longer texts are letters.
_LONGEST = 1_500
_DECLARED = (
    r"this is an? (automated|automatic|auto-?generated) (reply|response|message|e-?mail|notification)",
    r"this (reply|response|message|e-?mail) (is|was|has been) (automatically generated|generated automatically)",
    r"(dies|das|dieses) ist eine automatisch(e| erstellte| generierte)? (antwort|nachricht|e-?mail)",
    r"ceci est (une reponse|un message) automatique",
    r"(este es un mensaje|esta es una respuesta) automatic[ao]",
    r"(questo e un messaggio|questa e una risposta) automatic[ao]",
    r"dit is een automatisch (antwoord|bericht)",
    r"(esta e uma resposta|esta e uma mensagem) automatica",
)
_AWAY = (
    r"\b(i am|i'm|i will be|i'll be|we are) ((currently|now|presently|temporarily) )?(away|out of (the |my )?office"
    r"|on ((annual|parental|maternity|paternity|medical|sick|family) )?leave|on (a )?(vacation|holidays?)"
    r"|travell?ing)\b",
    r"\bich bin .{0,40}(nicht im buro|auss?er haus|im urlaub|in urlaub|abwesend|nicht erreichbar)",
    r"\bje suis (actuellement )?(absente?|en conges?|en vacances|hors du bureau)",
    r"\b(estoy|me encuentro|estare) (actualmente )?(fuera de la oficina|de vacaciones|ausente)",
    r"\b(sono|saro) (attualmente )?(assente|fuori (ufficio|sede)|in ferie)",
    r"\bik ben (momenteel |op dit moment )?(afwezig|niet (aanwezig|op kantoor)|met (vakantie|verlof)|op vakantie)",
    r"\b(estou|estarei) (atualmente )?(fora do escritorio|ausente|de ferias)",
)
_MEANWHILE = (
    r"\b(will|shall|'ll) (respond|reply|answer|get back|return your|attend to|read your)",
    r"\b(limited|no|without|intermittent|sporadic) access to (my )?(e-?mail|the internet|messages)",
    r"\bin my absence|\b(up)?on my return|\bwhen i (return|am back|get back)|\bfor urgent",
    r"\bif (this|it|your \w{1,20}) is urgent",
    r"\bin dringenden|\bnach meiner ruckkehr|\bwahrend meiner abwesenheit|\bwerde ich .{0,60}(antworten|melden)",
    r"\bnicht weitergeleitet|\bkeinen zugriff auf",
    r"\ba mon retour|\ben cas d'urgence|\ben mon absence|\bdes mon retour|\bpour toute urgence",
    r"\ba mi (regreso|vuelta)|\ben caso de urgencia|\bpara asuntos urgentes|\bdurante mi ausencia",
    r"\bal mio rientro|\bin caso di urgenza|\bper (le )?urgenze|\bdurante la mia assenza",
    r"\b(bij|na mijn) terug(komst|keer)|\bdringende (zaken|gevallen)|\btijdens mijn afwezigheid",
    r"\b(no|ao) meu retorno|\bem caso de urgencia|\bassuntos urgentes|\bdurante (a )?minha ausencia",
)
_DECLARES, _IS_AWAY, _SAYS = (re.compile("|".join(words)) for words in (_DECLARED, _AWAY, _MEANWHILE))
_SPACES = re.compile(r"\s+")


def away_note(text: str) -> str | None:
    """Return the words that show that a mail is a note of absence, or None when a person seems to have written it.

    Args:
        text: The mail as plain text, with what it quotes.
    """
    new = new_text(text[:20_000])
    if not new or len(new) > _LONGEST:
        return None
    plain = _SPACES.sub(" ", fold(new))
    if declared := _DECLARES.search(plain):
        return declared[0]
    away, says = _IS_AWAY.search(plain), _SAYS.search(plain)
    if away is None or says is None or classify(new).label is not ReplyLabel.OTHER:
        return None
    return f"{away[0]} … {says[0]}"
