"""How mail programs introduce what they quote, and announce absence, in seven languages."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from orchestrator import errors


class Language(NamedTuple):
    """Phrases of one language. Those with braces are filled with the names that `moment` makes.

    Args:
        days, months: Full names, Monday and January first.
        short_days, short_months: As Gmail abbreviates them.
        gmail, apple, yahoo, plain: The line above a quote.
        outlook: The labels of Outlook's block: from, sent, to, subject.
        outlook_date: The moment in that block.
        outlook_reply: What Outlook puts before the subject of an answer.
        iphone: The signature that iPhones come with.
        automatic: What Exchange puts before the subject of an automatic reply.
        away: What people write into it; ``{back}`` is the day of their return.
        day: That day as they write it.
    """

    days: str
    months: str
    short_days: str
    short_months: str
    gmail: str
    apple: str
    yahoo: str
    plain: str
    outlook: tuple[str, str, str, str]
    outlook_date: str
    outlook_reply: str
    iphone: str
    automatic: str
    away: str
    day: str


LANGUAGES: dict[str, Language] = {
    "en": Language(
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "January February March April May June July August September October November December",
        "Mon Tue Wed Thu Fri Sat Sun",
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
        "On {dow}, {mon} {d}, {year} at {clock12} {who} wrote:",
        "On {mon} {d}, {year}, at {clock12}, {who} wrote:",
        "On {DOW}, {MON} {d}, {year} at {seconds12} EST, {who} wrote:",
        "On {m}/{d}/{yy} {clock}, {name} wrote:",
        ("From", "Sent", "To", "Subject"),
        "{DOW}, {MON} {d}, {year} {clock12}",
        "RE: ",
        "Sent from my iPhone",
        "Automatic reply: ",
        "Thank you for your message. I am out of the office and will be back on {back}.\n\n"
        "I have no access to my mail until then.",
        "{DOW}, {MON} {d}, {year}",
    ),
    "de": Language(
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Mo. Di. Mi. Do. Fr. Sa. So.",
        "Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.",
        "Am {dow}, {d}. {mon} {year} um {clock} Uhr schrieb {who}:",
        "Am {dd}.{mm}.{year} um {clock} schrieb {who}:",
        "Am {DOW}, {d}. {MON} {year} um {seconds} MEZ hat {who} Folgendes geschrieben:",
        "Am {dd}.{mm}.{yy} um {clock} schrieb {name}:",
        ("Von", "Gesendet", "An", "Betreff"),
        "{DOW}, {d}. {MON} {year} {clock}",
        "AW: ",
        "Von meinem iPhone gesendet",
        "Automatische Antwort: ",
        "Vielen Dank für Ihre Nachricht. Ich bin bis zum {back} nicht im Büro.\n\n"
        "Ihre Nachricht wird nicht weitergeleitet.",
        "{dd}.{mm}.{year}",
    ),
    "es": Language(
        "lunes martes miércoles jueves viernes sábado domingo",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "lun mar mié jue vie sáb dom",
        "ene feb mar abr may jun jul ago sept oct nov dic",
        "El {dow}, {d} {mon} {year} a las {clock}, {name} (<{email}>) escribió:",
        "El {d} {mon} {year}, a las {clock}, {who} escribió:",
        "El {DOW}, {d} de {MON} de {year}, {seconds} CET, {who} escribió:",
        "El {d}/{m}/{yy} a las {clock}, {name} escribió:",
        ("De", "Enviado", "Para", "Asunto"),
        "{DOW}, {d} de {MON} de {year} {clock}",
        "RE: ",
        "Enviado desde mi iPhone",
        "Respuesta automática: ",
        "Gracias por su mensaje. Estoy fuera de la oficina y vuelvo el {back}.",
        "{d} de {MON} de {year}",
    ),
    "fr": Language(
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "lun. mar. mer. jeu. ven. sam. dim.",
        "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
        "Le {dow} {d} {mon} {year} à {clock}, {who} a écrit :",
        "Le {d} {mon} {year} à {clock}, {who} a écrit :",
        "Le {DOW} {d} {MON} {year} à {seconds} UTC+1, {who} a écrit :",
        "Le {dd}/{mm}/{year} à {clock}, {name} a écrit :",
        ("De", "Envoyé", "À", "Objet"),
        "{DOW} {d} {MON} {year} {clock}",
        "RE: ",
        "Envoyé de mon iPhone",
        "Réponse automatique : ",
        "Merci de votre message. Je suis absente du bureau et serai de retour le {back}.",
        "{d} {MON} {year}",
    ),
    "it": Language(
        "lunedì martedì mercoledì giovedì venerdì sabato domenica",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "lun mar mer gio ven sab dom",
        "gen feb mar apr mag giu lug ago set ott nov dic",
        "Il giorno {dow} {d} {mon} {year} alle ore {clock} {who} ha scritto:",
        "Il giorno {d} {mon} {year}, alle ore {clock}, {who} ha scritto:",
        "Il {DOW} {d} {MON} {year} alle ore {seconds} CET, {who} ha scritto:",
        "Il {dd}/{mm}/{year} {clock}, {name} ha scritto:",
        ("Da", "Inviato", "A", "Oggetto"),
        "{DOW} {d} {MON} {year} {clock}",
        "R: ",
        "Inviato da iPhone",
        "Risposta automatica: ",
        "Grazie per il messaggio. Sono fuori ufficio e rientro il {back}.",
        "{d} {MON} {year}",
    ),
    "nl": Language(
        "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
        "januari februari maart april mei juni juli augustus september oktober november december",
        "ma di wo do vr za zo",
        "jan feb mrt apr mei jun jul aug sep okt nov dec",
        "Op {dow} {d} {mon} {year} om {clock} schreef {who}:",
        "Op {d} {mon} {year} om {clock} heeft {who} het volgende geschreven:",
        "Op {DOW} {d} {MON} {year} om {seconds} CET schreef {who}:",
        "Op {dd}-{mm}-{year} om {clock} schreef {name}:",
        ("Van", "Verzonden", "Aan", "Onderwerp"),
        "{DOW} {d} {MON} {year} {clock}",
        "RE: ",
        "Verstuurd vanaf mijn iPhone",
        "Automatisch antwoord: ",
        "Bedankt voor uw bericht. Ik ben afwezig en ben op {back} weer bereikbaar.",
        "{d} {MON} {year}",
    ),
    "pt": Language(
        "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "seg. ter. qua. qui. sex. sáb. dom.",
        "jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez.",
        "Em {dow}, {d} de {mon} de {year} às {clock}, {who} escreveu:",
        "Em {d} de {mon} de {year}, à(s) {clock}, {who} escreveu:",
        "Em {DOW}, {d} de {MON} de {year} {seconds} BRT, {who} escreveu:",
        "Em {dd}/{mm}/{year} {clock}, {name} escreveu:",
        ("De", "Enviado", "Para", "Assunto"),
        "{DOW}, {d} de {MON} de {year} {clock}",
        "RES: ",
        "Enviado do meu iPhone",
        "Resposta automática: ",
        "Obrigado pela sua mensagem. Estou ausente do escritório e volto em {back}.",
        "{d} de {MON} de {year}",
    ),
}


def language(code: str) -> Language:
    """Return a language.

    Raises:
        errors.ValidationError: `code` is none of `LANGUAGES`.
    """
    if code not in LANGUAGES:
        raise errors.ValidationError("language", f"must be one of {', '.join(LANGUAGES)}, not {code!r}")
    return LANGUAGES[code]


def moment(spoken: Language, at: datetime) -> dict[str, str]:
    """Return a moment in every form that the phrases need: day, month, year, and the clock of 12 and of 24 hours."""
    half, hour = ("AM", "PM")[at.hour >= 12], at.hour % 12 or 12
    return {
        **_day(spoken, at),
        "clock": f"{at:%H:%M}",
        "clock12": f"{hour}:{at:%M} {half}",
        "seconds": f"{at:%H:%M:%S}",
        "seconds12": f"{hour:02}:{at:%M:%S} {half}",
    }


def written_day(spoken: Language, day: date) -> str:
    """Return a day as people write it."""
    return spoken.day.format(**_day(spoken, day))


def _day(spoken: Language, day: date) -> dict[str, str]:
    return {
        "DOW": spoken.days.split()[day.weekday()],
        "dow": spoken.short_days.split()[day.weekday()],
        "MON": spoken.months.split()[day.month - 1],
        "mon": spoken.short_months.split()[day.month - 1],
        "d": str(day.day),
        "dd": f"{day.day:02}",
        "m": str(day.month),
        "mm": f"{day.month:02}",
        "yy": f"{day.year % 100:02}",
        "year": str(day.year),
    }
