"""The words that mail programs put above quotes and below answers, letters folded, in the languages of their users."""

from __future__ import annotations

import re

#: "wrote", as it closes an attribution.
WROTE = (
    "wrote", "writes", "schrieb", "schrieb am", "folgendes geschrieben", "a ecrit", "escribio", "escreveu",
    "ha scritto", "scrisse", "schreef", "het volgende geschreven", "skrev", "kirjoitti", "napisal(a)", "napisal",
    "napisala", "pisze", "napsal", "napsal(a)", "irta", "a scris",
    "sunu yazdi", "yazdi", "写道", "寫道", "のメール", "님이 작성", "пишет", "написал", "написал(а)",
)  # fmt: skip
_WROTE = "|".join(re.escape(word) for word in sorted(WROTE, key=len, reverse=True))

#: How an attribution begins: a word, a weekday, a date, a time, or the name and address of the one who is quoted.
OPENER = re.compile(
    r"(on|at|am|le|el|em|en|il|op|den|dne|w|a|il giorno|dnia|ma|на|в)\s"
    r"|[\"'(]?\d{1,4}[./年-]|\w{2,14}\.?,?\s\d{1,2}\.?\s|[^<>]{0,120}<[^<>\s]{3,200}>?|.{0,60}@|于|於|\[?\d{1,2}:\d\d"
)
#: An attribution that ends its line: with the verb, or where the verb stands in the middle, with whom it names.
WROTE_AT_END = re.compile(
    rf"(?:{_WROTE})\s?[:：]$|\s(?:schrieb|schreef|skrev|kirjoitti|napsal)\s[^:]{{1,200}}[:：]$|>[,:：]$"
)
#: A date with a year, a time of day, or an address: what an attribution always has and a sentence rarely.
WHEN_OR_WHO = re.compile(
    r"\b(?:19|20)\d\d\b|(?:19|20)\d\d年|\d{1,2}[:.h]\d\d\b|[^\s<>]@[^\s<>]|\d{1,2}/\d{1,2}/\d{2}\b"
)
#: Yahoo's app goes on with the quoted text in the same line.
WROTE_INSIDE = re.compile(rf"(?:on|am|le|el|em|il|op|den)\s[^@]{{8,150}}@[^\s<>]{{1,200}}>?\s?,?\s(?:{_WROTE})\s?:\s")

_ORIGINAL = (
    r"original message|original appointment|original-nachricht|ursprungliche nachricht|urspr\. nachricht"
    r"|message d'origine|message original|mensaje original|mensagem original|messaggio originale"
    r"|oorspronkelijk bericht|ursprungligt meddelande|originalmeddelande|oprindelig meddelelse|opprinnelig melding"
    r"|alkuperainen viesti|wiadomosc oryginalna|oryginalna wiadomosc|puvodni zprava|eredeti uzenet|orijinal mesaj"
    r"|исходное сообщение|元のメッセージ|原始邮件|原始郵件|원본 메시지"
    r"|forwarded message|weitergeleitete nachricht|message transfere|mensaje reenviado|mensagem encaminhada"
    r"|messaggio inoltrato|doorgestuurd bericht|reply message|replied message|回复的原邮件|転送されたメッセージ"
)
SEPARATOR = re.compile(
    rf"[-_=*–—\s]{{2,40}}(?:{_ORIGINAL})[-_=*–—\s]{{0,40}}:?\s*$"
    r"|-{2,}\s?on\s.{5,300}\swrote\s?-{2,}$"
    r"|(?:begin forwarded message|anfang der weitergeleiteten nachricht|debut du message (?:transfere|reexpedie)"
    r"|inicio del mensaje reenviado|inizio messaggio inoltrato|inicio da mensagem encaminhada)\s?:"
)
#: What Outlook draws above the headers of the mail that is answered.
RULER = re.compile(r"_{20,}\s*$|-{20,}\s*$")

_SENDER = (
    "from|von|de|da|van|fran|fra|od|lahettaja|expediteur|remetente|mittente|差出人|发件人|發件人|寄件者|寄件人"
    "|보낸 사람|от|kimden|felado"
)
_SENT = (
    "sent|date|gesendet|datum|envoye|envoye le|fecha|enviado|enviado el|enviada em|enviado em|data|inviato"
    "|data invio|verzonden|skickat|sendt|dato|wyslano|wyslane|lahetetty|odeslano|送信日時|日時|日付|发送时间|發送時間"
    "|发送日期|寄件日期|日期|时间|時間|보낸 날짜|날짜|отправлено|дата|gonderildi|tarih|elkuldve"
)
_TO = (
    "to|an|a|para|aan|till|til|do|vastaanottaja|destinataire|destinatario|宛先|收件人|收件者|받는 사람"
    "|кому|kime|komu|cimzett"
)
_SUBJECT = (
    "subject|betreff|objet|asunto|assunto|oggetto|onderwerp|amne|emne|temat|predmet|aihe|件名|主题|主題|主旨|제목"
    "|тема|konu|targy"
)
HEADER = re.compile(
    rf"[*\s]{{0,4}}(?:(?P<sender>{_SENDER})|(?P<sent>{_SENT})|(?P<to>{_TO})|(?P<subject>{_SUBJECT})"
    r"|(?P<copy>cc|kopie|copie|copia|kopia|dw|抄送|副本))\s{0,2}\*?\s?[:：]"
)

_DEVICE = r"iphone|ipad|android|galaxy|samsung|smartphone|mobile|phone|blackberry|huawei|xiaomi|pixel|handy|mobil"
SIGNATURE_LINE = re.compile(
    r"(?:sent (?:from|via|by|with|using)|get|von mein\w*|gesendet (?:von|mit)|envoye (?:de(?:puis)?|a partir)"
    r"|telecharger|enviado (?:desde|do|de|a partir)|obter|obtener|inviato da\w*|scarica|verstuurd vanaf"
    r"|verzonden (?:vanaf|met)|skickat fran|sendt fra|wyslane z|wyslano z|lahetetty|odeslano z)\b.{0,60}?"
    rf"(?:{_DEVICE}|outlook|yahoo|aol|gmail|proton\s?mail|mail (?:for|fur|pour|para|per|app)|icloud|thunderbird"
    r"|zoho|\bios\b)"
    r"|(?:iphone|ipad|android)\w*\s?から送信|发自我的|發自我的|從我的 ?(?:iphone|ipad)|나의 iphone에서 보냄"
    r"|-{2} ?$|<https://(?:aka\.ms|overview\.mail\.yahoo|go\.onelink)"
)
SMALL_PRINT = re.compile(
    r"[*_\s]{0,6}(?:(?:confidentiality|privileged|legal|privacy)(?: \w+)? (?:notice|disclaimer|statement)\b"
    r"|disclaimer\s?:|this (?:e-?mail|message|communication|transmission)(?: message)?,?"
    r"(?: \(?(?:and|including|with) .{0,40})? (?:is|are|may|contains?) (?:\w+ ){0,6}?"
    r"(?:confidential|privileged|intended|solely|only for)"
    r"|the information (?:contained )?in this (?:e-?mail|message|communication)"
    r"|if you (?:are not the intended|have received this)"
    r"|diese (?:e-mail|nachricht) (?:enthalt|ist) |ce (?:message|courriel) (?:et|est|peut) .{0,60}confidentiel"
    r"|este (?:mensaje|correo|e-mail) .{0,80}confiden|virus-free\.|this email has been (?:scanned|checked) )"
)
