"""The rules for other languages than English: label, name, pattern, as in `phrases`.

Opt-outs come first and are the fullest: who asks in Spanish to be left alone has asked. Of other labels only the plain
phrases are here; what they miss is `other`, which a person reads.
"""

from __future__ import annotations

from orchestrator.domain.reply.mail import ReplyLabel

_OUT = ReplyLabel.OPT_OUT
_LEGAL = ReplyLabel.LEGAL
_WRONG = ReplyLabel.WRONG_PERSON
_SOLD = ReplyLabel.SOLD
_NO = ReplyLabel.NOT_INTERESTED
_YES = ReplyLabel.INTERESTED
_ASKS = ReplyLabel.QUESTION

RULES: tuple[tuple[ReplyLabel, str, str], ...] = (
    # Spanish
    (_OUT, "es_command",
        r"(?<=[.,?] )(?:por favor (?:, )?)?(?:baja|alto|basta|cancelar|no mas|parar?|paren)(?: por favor"
        r"| ya)?(?= [.,?])"),
    (_OUT, "es_baja",
        r"\b(?:den?me|darme|dar|dese?nme|me den?|quiero) (?:de |la )?baja\b|\bde baja\b|\bdesuscrib\w+"
        r"|\bdesuscripcion\b|\bcancel(?:ar|en?) (?:mi |la )?suscripcion\b"),
    (_OUT, "es_no_more",
        r"\bno (?:me |nos |le |les )?(?:vuelv\w+ a )?(?:escrib\w+|mand\w+|envi\w+|contact\w+|molest\w+|manden"
        r"|contactar\w*)(?: (?:\w+ ){0,4}?(?:mas|nunca|correos?|e ?mails?|mensajes|otra vez)\b)?|\bno (?:quiero"
        r"|queremos|deseo|deseamos)(?: \w+){0,3} (?:recibir|mas correos|correos|mensajes|que me|saber)\b|\b(?:dejen?"
        r"|deje|pare|paren|dejad) de (?:escrib|mand|envi|contact|molest)\w*"),
    (_OUT, "es_remove",
        r"\b(?:elimin\w+|borr\w+|quit\w+|saqu\w+|remuev\w+|retir\w+)(?:me|nos)?(?: \w+){0,4}? (?:lista|correo|base"
        r"|datos|direccion|e ?mail|nombre)\b|\b(?:quitenme|saquenme|borrenme|eliminenme|dejenme en paz"
        r"|dejeme en paz)\b"),
    (_NO, "es",
        r"\bno (?:me |nos |estoy |estamos )?interes\w+|\bno (?:esta|estan) (?:en venta|a la venta)\b|\bno (?:quiero"
        r"|queremos|pienso|vamos a|voy a|vendo|vendemos)(?: vender| vendo)?\b(?! (?:recibir|que|mas))"
        r"|(?<=[.,?] )no (?:, )?(?:muchas )?gracias\b"),
    (_SOLD, "es",
        r"\b(?:ya )?(?:vendi|vendimos|vendida|vendido|se vendio|fue vendida|vendio)\b|\bya no (?:es mi|es mia"
        r"|soy (?:el|la) duen|tengo|es nuestra)\w*"),
    (_WRONG, "es",
        r"\b(?:persona|numero|correo|direccion) equivocad[ao]\b|\b(?:se )?equivoc\w+ de (?:persona|correo|numero"
        r"|direccion)\b|\bno soy (?:el |la |yo el )?(?:duen\w+|propietari[oa]|esa persona|quien)\b|\bno es mi (?:casa"
        r"|propiedad)\b"),
    (_LEGAL, "es", r"\b(?:denunci\w+|demandar\w*|mi abogad[oa]|acciones legales|policia|acoso)\b"),
    (_YES, "es",
        r"(?<!no )\b(?:me interesa|nos interesa|estoy interesad[oa]|estamos interesados|llam[ea]me|llamenme"
        r"|cuanto (?:ofrece|paga|me da|pagan|ofrecen|me ofrece)\w*|quisiera vender|quiero vender|hagame una oferta"
        r"|podemos hablar)\b|(?<=[.,?] )(?:si|claro)(?= [.,])"),
    # French
    (_OUT, "fr",
        r"\b(?:desabonn\w+|desinscri\w+)\b|\bne (?:plus|pas) (?:me |nous |m |j )?(?:contact\w+|ecri\w+|envoy\w+"
        r"|solliciter|derang\w+|mailer)|\bne (?:me |m |nous )?(?:contactez|ecrivez|envoyez|derangez|sollicitez)\b"
        r"|\b(?:ne )?(?:souhait\w+|veu[xt]|voulons|desire|desirons) (?:plus|pas) (?:recevoir|etre contact\w+)"
        r"|\bplus (?:de |d )?(?:mails?|e ?mails?|courriels?|messages?)\b|\b(?:retir\w+|supprim\w+|effac\w+|enlev\w+"
        r"|ray\w+)(?: \w+){0,4} (?:liste|adresse|donnees|base|nom|fichier)\b|\barret\w+ (?:de "
        r"|d )?(?:m ?)?(?:\w+ )?(?:envoy|ecri|contact|harcel|spam|importun)\w*|\barretez (?:de |d )?menvoyer\b"
        r"|\blaissez (?:moi|nous) tranquille"),
    (_OUT, "fr_command", r"(?<=[.,?] )(?:arretez?|stop|assez|resilier)(?: svp| merci)?(?= [.,?])"),
    (_NO, "fr",
        r"\bpas interess\w+|\bpas a vendre\b|\bne (?:veux|souhaite|voulons|souhaitons|vends|vendons) pas vendre\b"
        r"|\bpas (?:l intention de )?vendre\b|(?<=[.,?] )non (?:, )?merci\b|\bne (?:m |nous )?interesse pas\b"
        r"|\bne minteresse pas\b"),
    (_SOLD, "fr", r"\b(?:deja )?vendue?s?\b|\bne suis plus (?:le |la )?proprietaire\b|\bplus proprietaire\b"),
    (_WRONG, "fr",
        r"\b(?:tromp\w+|mauvaise?) (?:de )?(?:personne|adresse|numero|destinataire)\b|\bne suis pas (?:le "
        r"|la )?(?:proprietaire|bonne personne)\b|\berreur (?:de|sur la) (?:personne"
        r"|destinataire)\b|\bpas ma maison\b"),
    (_LEGAL, "fr",
        r"\bport(?:er|erai|ons)? plainte\b|\b(?:mon avocat|rgpd|cnil|signaler (?:vous|votre)|tribunal|poursuites"
        r"|harcelement)\b"),
    (_YES, "fr",
        r"(?<!pas )\b(?:m interesse|minteresse|nous interesse|suis interess\w+|sommes interess\w+|appelez (?:moi"
        r"|nous)|quel prix|combien (?:offrez|proposez|paieriez)\w*|faites (?:moi|nous) une offre)\b"
        r"|(?<=[.,?] )oui(?= [.,])"),
    # German
    (_OUT, "de",
        r"\b(?:abmelden|abbestellen|austragen|abmeldung|abbestellung)\b|\b(?:schreib\w*|kontaktier\w*|mail\w*|send\w*"
        r"|schick\w*|belastig\w*|anschreib\w*)(?: \w+){0,6} (?:nicht mehr|nie wieder|nichts mehr|keine)\b"
        r"|\bkeine (?:weiteren |weitere )?(?:e ?)?(?:mails?|nachrichten|werbung|post|anfragen|zusendungen"
        r"|schreiben)\b|\b(?:streich\w*|losch\w*|entfern\w*|nehm\w*|lasch\w*)(?: \w+){0,6} (?:liste|verteiler|daten"
        r"|adresse|datenbank|mailadresse|kartei)\b|\b(?:nicht mehr|nie wieder|nie mehr)(?: \w+){0,3} (?:schreib"
        r"|kontaktier|anschreib|angeschrieben|kontaktiert|belastig)\w*|\b(?:hor\w*|hort)(?: \w+){0,3} auf\b"
        r"|\blassen sie (?:mich|uns) in ruhe\b|\bin ruhe\b|\bunterlassen sie\b|\bwider(?:spreche|rufe)\b"),
    (_NO, "de",
        r"\bkein(?:erlei)? interesse\b|\bnicht (?:zum verkauf|zu verkaufen|interessiert|verkauflich)\b|\b(?:steht"
        r"|stehen) nicht zum verkauf\b|\b(?:verkauf\w*|verkaufe) (?:\w+ ){0,3}nicht\b|\bnicht verkaufen\b"
        r"|\bnein ,? ?danke\b"),
    (_SOLD, "de",
        r"\b(?:schon|bereits|langst|wurde|ist|haben|habe)(?: \w+){0,4} verkauft\b|\bgehort (?:mir|uns) nicht mehr\b"),
    (_WRONG, "de",
        r"\bfalsche[rn]? (?:person|adresse|nummer|empfanger|ansprechpartner)\b|\bnicht (?:der|die) (?:eigentumer\w*"
        r"|besitzer\w*|richtige\w*)\b|\bgehort (?:mir|uns) nicht\b(?! mehr)|\bnur (?:der |die )?mieter\w*"
        r"|\bverwechs\w+"),
    (_LEGAL, "de",
        r"\b(?:anwalt\w*|rechtsanwalt\w*|dsgvo|anzeige erstatt\w+|abmahn\w+|unterlassung\w*|gericht|klage|verklag\w+"
        r"|datenschutzbehorde|unzulassig|belastigung)\b"),
    (_YES, "de",
        r"(?<!kein )(?<!keine )\b(?:habe interesse|haben interesse|bin interessiert|interessiert mich"
        r"|rufen sie (?:mich|uns|bitte)|was (?:bieten|zahlen) sie|wie viel (?:bieten|zahlen)|wurde verkaufen"
        r"|machen sie (?:mir|uns) ein angebot)\b|(?<=[.,?] )(?:ja|gerne|ja gerne|ja bitte)(?= [.,])"),
    # Portuguese
    (_OUT, "pt",
        r"\b(?:descadastr\w+|desinscrev\w+|descadastro)\b|\bcancel\w+ (?:a |minha |a minha )?(?:inscricao|assinatura"
        r"|subscricao)\b|\bnao (?:me |nos )?(?:envi\w+|mand\w+|escrev\w+|contat\w+|contact\w+|perturb\w+"
        r"|incomod\w+)(?: (?:\w+ ){0,3}?(?:mais|e ?mails?|mensagens))?|\bnao (?:quero|queremos|desejo"
        r"|gostaria de)(?: \w+){0,2} (?:receber|mais e ?mails?|ser contat\w+|mensagens)\b|\b(?:par\w+"
        r"|deix\w+) de (?:me |nos )?(?:mand|envi|escrev|contat|contact|incomod|perturb)\w*|\b(?:retir\w+|remov\w+"
        r"|tir\w+|exclu\w+|apagu\w+|elimin\w+)(?: \w+){0,4} (?:lista|nome|e ?mail|dados|cadastro|contacto|contato)\b"
        r"|\bme (?:deixem?|deixe) em paz\b|\bdeixem? me em paz\b"),
    (_NO, "pt",
        r"\b(?:nao|sem) (?:tenho |temos |estou |estamos |ha )?interess\w+|\bnao (?:esta|estao) (?:a|para|em) venda\b"
        r"|\bnao (?:quero|queremos|pretendo|pretendemos|vou|vendo) (?:vender)?\b(?! (?:receber|mais))"
        r"|\bnao (?:, )?obrigad[oa]\b"),
    (_SOLD, "pt",
        r"\b(?:ja )?(?:vendi|vendemos|vendida|vendido|foi vendid[oa])\b|\bja nao (?:sou|e meu|e minha)\b|\bnao (?:sou"
        r"|e) mais (?:meu|minha|o dono|a dona|dono|proprietari\w+)\b"),
    (_WRONG, "pt",
        r"\b(?:pessoa|numero|e ?mail|endereco) errad[oa]\b|\bnao sou (?:o |a )?(?:dono|dona"
        r"|proprietari[oa])\b(?! mais)|\benganou se\b|\bengano de\b"),
    (_LEGAL, "pt", r"\b(?:advogad[oa]|process(?:ar|o judicial)|denunci\w+|lgpd|procon|policia)\b"),
    (_YES, "pt",
        r"(?<!nao )(?<!sem )\b(?:tenho interesse|temos interesse|estou interessad[oa]|estamos interessados"
        r"|me (?:ligue|liga|ligar|interessa)|ligue me|quanto (?:oferece\w*|paga\w*)|quero vender|faca uma (?:oferta"
        r"|proposta))\b|(?<=[.,?] )sim(?= [.,])"),
    # Italian, Dutch, Swedish, Danish, Norwegian, Polish: opt-outs and a plain no.
    (_OUT, "it",
        r"\b(?:disiscriv\w+|cancellat?emi|cancellami|cancellarmi|annulla iscrizione|disiscrizione)\b"
        r"|\bnon (?:\w+ )?(?:scriv\w+|contatt\w+|mand\w+|invi\w+|disturb\w+)(?: (?:\w+ ){0,2}(?:piu|mai|altre))?"
        r"|\bnon (?:voglio|desidero|vogliamo)(?: \w+){0,2} (?:ricever\w+|essere contattat\w+)|\b(?:togli\w+|rimuov\w+"
        r"|elimin\w+)(?: \w+){0,4} (?:lista|dati|indirizzo|e ?mail)\b|\bbasta (?:e ?mail|messaggi)\b|\bsmett\w+ di\b"),
    (_NO, "it",
        r"\bnon (?:mi |ci |sono |siamo )?interess\w+|\bnon (?:e )?in vendita\b|\bno (?:, )?grazie\b"
        r"|\bnessun interesse\b"),
    (_OUT, "nl",
        r"\b(?:uitschrijven|afmelden|uitschrijving|schrijf (?:me|mij) uit)\b|\bgeen (?:\w+ ){0,3}(?:e ?mails?|mails?"
        r"|berichten|post|contact)(?: \w+){0,2} ?(?:meer|ontvangen)?\b|\b(?:stop|stoppen) met (?:mailen|schrijven"
        r"|contact|sturen)\b|\bniet meer (?:\w+ )?(?:mailen|schrijven|contact\w*|benaderen)\b|\b(?:verwijder"
        r"|haal)(?: \w+){0,4} (?:lijst|adres|gegevens|bestand)\b|\blaat (?:me|mij|ons) met rust\b"),
    (_NO, "nl", r"\b(?:geen interesse|niet geinteresseerd|niet te koop|nee ,? ?bedankt|nee ,? ?dank)\b"),
    (_OUT, "nordic",
        r"\b(?:avregistrera|avprenumerera|avanmal\w*|frameld\w*|afmeld\w*|avmeld\w*|meld meg av)\b|\b(?:sluta|slut"
        r"|stopp|stop|hold op) (?:med )?(?:at |att )?(?:mejla|maila|mejle|maile|kontakta|kontakte|skriva|skrive|sende"
        r"|skicka)\w*|\b(?:inga|ikke flere|ingen|ikke mer) (?:fler |flere )?(?:mejl|mails?|e ?post|e ?mails?"
        r"|meldinger|beskeder)\b|\bta bort (?:mig|min)\b|\bfjern (?:mig|meg|min)\b|\bikke (?:skriv|kontakt)\w*"),
    (_NO, "nordic",
        r"\b(?:inte intresserad\w*|ikke interesser\w*|inte till salu|ikke til salg|nej ,? ?tack|nej ,? ?tak"
        r"|nei ,? ?takk)\b"),
    (_OUT, "pl",
        r"\b(?:wypisz\w*|wypisac|usun\w*|usuniecie)(?: \w+){0,4} (?:listy|bazy|adres\w*|dane|danych|mailingu)?"
        r"|\b(?:nie|przestan\w*) (?:\w+ )?(?:pisz\w*|wysyla\w*|kontakt\w*|przysyla\w*)|\bprosze (?:mnie )?(?:wypisac"
        r"|usunac)\b"),
    (_NO, "pl", r"\b(?:nie jestem zainteresowan\w+|nie na sprzedaz|nie ,? ?dziekuje)\b"),
    # Japanese and Chinese, which put no space between words.
    (_OUT, "ja_zh",
        r"配信停止|登録解除|送らないで|連絡しないで|メールをやめ|メールを止め|停止してください"
        r"|退订|退訂|取消订阅|取消訂閱|不要再(?:发|發|给|給|联系|聯絡|寄)|别再(?:发|联系)|別再(?:發|聯絡)"
        r"|请删除我|請刪除我"),
    (_NO, "ja_zh", r"興味(?:が|は)?(?:あり)?ません|興味ない|売る(?:つもり|気)は"
        r"|不感兴趣|不感興趣|没有兴趣|沒有興趣|不卖|不賣|没兴趣"),
    (_ASKS, "elsewhere",
        r"(?<=[.,?] )(?:quien|como|donde|cual|de donde|qui|comment|pourquoi|d ou|wer|wie|woher|warum|welche|quem|onde"
        r"|chi|dove|wie|waar)\b(?: \w+){1,20}(?= \?)"),
)  # fmt: skip
