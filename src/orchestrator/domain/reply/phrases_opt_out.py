"""The rules for English that end all mail to somebody: opt-outs and legal threats, written as in `phrases`."""

from __future__ import annotations

from orchestrator.domain.reply.mail import ReplyLabel

_POLITE = r"(?:(?:please|pls|plz|kindly|just|ok|okay|hi|hello|thanks|thank you|yes|so|and|also|sir|now) ){0,6}"
_BEGIN = r"(?<=[.,?] )"
_MAIL = (
    r"(?:e ?mails?|mails?|mailings?|messages?|letters?|junk|stuff|crap|spam|garbage|contact|correspondence"
    r"|communications?|solicitations?|notes?|memos?|offers?|newsletters?)"
)
_POST = (
    r"(?:e ?mails?|mails?|mailings?|messages?|letters?|junk(?: mail)?|spam|contact|correspondence|communications?"
    r"|solicitations?|newsletters?)"
)
_WRITING = (
    r"(?:e ?mailing|mailing|contacting|writing|sending|messaging|spamming|bothering|harassing|soliciting|texting"
    r"|reaching|pestering|bugging|annoying|hounding|communicating|corresponding|asking)"
)
_NOT_NEGATED = r"(?<!dont )(?<!not )(?<!never )(?<!cant )(?<!cannot )(?<!wont )"
_MINE = r"(?:me|us|my|our|this|that|his|her|their|these|mine|any|all|the)"
_OUT = ReplyLabel.OPT_OUT
_LEGAL = ReplyLabel.LEGAL

RULES: tuple[tuple[ReplyLabel, str, str], ...] = (
    # The whole sentence is a command.
    (_OUT, "command",
        rf"{_BEGIN}{_POLITE}(?:stop(?: (?:it|this|these|now|all))?|unsubscribe|unsub|remove|opt ?out|take me off"
        r"|go away|get lost|no more|enough)(?=(?: (?:please|pls|plz|now|thanks|thank you|thx|immediately|asap|already"
        r"|all|it|this|me|us)){0,6} [.,?])"),
    # The whole reply is one.
    (_OUT, "only_word", r"^\. (?:end|quit|cancel|delete|block|arret|stopp|halt)(?: please| thanks)? \.$"),
    (_OUT, "unsubscribe", r"\bunsubscribed?\b|\bunsub\b|\bunsubscribing (?:me|us)\b|\bunsubscribe\w*"),
    (_OUT, "opt_out", r"\bopt(?:ed|ing)? ?out\b"),
    (_OUT, "remove_me",
        r"\b(?:remove|delete|erase|drop|strike|scrub|purge|unlist|exclude|scratch|take) (?:me|us)\b(?! (?:a line|to"
        r"|up|through|by|as))"),
    (_OUT, "remove_my_data",
        rf"\b(?:remove|delete|erase|purge|strike|scrub|lose|forget) (?:all )?(?:of )?{_MINE} (?:\w+ ){{0,3}}?(?:names?"
        r"|e ?mail|mail|address(?:es)?|info\w*|data|details|contacts?|phone|records?|account|entry)\b(?! (?:field|box"
        r"|of the (?:house|property)))"),
    (_OUT, "off_the_list",
        r"\b(?:off|from|out of) (?:of )?(?:your|ur|this|the|that|these|those|any|all|whatever|every"
        r"|its)(?: \w+){0,2}? (?:lists?|mailing|database|data base|mailings|distribution)\b(?! price)|\b(?:off|from"
        r"|out of) your(?: \w+)? (?:system|files|records|rolodex|contacts)\b|\bfrom list(?= [.,])"),
    (_OUT, "get_me_off", r"\b(?:take|get|want|keep|have) (?:me|us|him|her|this \w+|my \w+|our \w+|this|that) off\b"),
    (_OUT, "asked_to_be_removed",
        r"\b(?:i|we|ive|weve|id|she|he)(?: \w+){0,3}? (?:ask\w*|want\w*|wish|like|love|need|request\w*|demand\w*"
        r"|prefer)(?: (?:you|twice|again|before|already|nicely|politely|several times|last \w+)){0,6} (?:to be|to get"
        r"|being|be) (?:removed|deleted|taken off|left alone|excluded)\b"),
    (_OUT, "stop_writing",
        rf"{_NOT_NEGATED}\b(?:stop|quit|cease|discontinue|refrain from|desist from)(?: (?:with|all|any|the|these|those"
        rf"|your|ur|this|that|further|future|stupid|fucking|damn|constant|please|from|of)){{0,6}}"
        rf" (?:{_WRITING}|{_POST})\b"),
    (_OUT, "please_stop",
        r"\b(?:please|pls|plz|just|you|to|must|and|or|now) stop(?= [.,?]| (?:it|this|that|now|thank|thanks|please)\b)"),
    (_OUT, "do_not_write",
        r"(?<!\bi )(?<!\bwe )(?<!\bthey )(?<!\bhe )(?<!\bshe )(?<!\bpeople )\b(?:do not|dont|donot|never|no longer"
        r"|shall not|must not|may not|cannot|should not|shouldnt|wont you|better not)(?: (?:ever|again|please|you|to"
        r"|want you to|try to|even|dare|keep|need to)){0,6} (?:e ?mail|contact|write|message|solicit|bother|spam"
        r"|reach out|pester|harass)(?:ing|ed)?\b(?! (?:is|was|yet|works?|down|up about the|address))"),
    (_OUT, "do_not_send",
        r"\b(?:do not|dont|donot|never)(?: (?:ever|again|please|you|to|even|dare|keep)){0,6} (?:send|mail|call|text"
        r"|phone)(?:ing)? (?:(?:me|us|my|our|here|any|this|these|another|more|of|the|other|such|further|anymore|to"
        rf"|mother|wife|husband|family|address) ){{0,6}}?(?:{_POST}|any ?more|more|again|anything|this|these|ever)\b"),
    (_OUT, "want_no_mail",
        r"\b(?:do not|dont|no longer|never|not|rather not|prefer not|didnt)(?: \w+)? (?:wish|want|care|like|need"
        r"|desire|appreciate|wanting|looking|interested|welcome)(?:ed)?(?: (?:to|in|be|get|getting|keep|receive"
        r"|receiving|see|seeing|have|any|more|your|ur|these|this|such|further|the|of|from|you|being|another"
        rf"|unsolicited|ever|other)){{0,6}} (?:{_POST}|contacted|e ?mailed|solicited"
        r"|bothered)\b(?! (?:info|details|number))"),
    (_OUT, "hear_no_more",
        r"\b(?:rather not|prefer not to|never want to|(?:dont|do not|no longer)(?: ever)? (?:want|care|need|wish|like"
        r"|desire) to|hope (?:i |to )?never|want to never|(?:dont|do not) let me|not interested in"
        r"|stop)(?: ever)? hear(?:ing)?(?: \w+)? (?:from|about) (?:you|your|this|it)\b"),
    (_OUT, "not_receiving",
        r"\b(?:appreciate|prefer|rather|like|request|ask)(?: \w+)? not (?:be |to be |to )?(?:receiv\w+|get(?:ting)?"
        r"|be contacted|being contacted|contacted|be e ?mailed)\b|\bnot (?:be )?(?:receiv\w+"
        rf"|get(?:ting)?)(?: \w+)? (?:any ?more|further|additional)(?: {_POST})?\b"),
    (_OUT, "not_contact_us", r"\bnot to (?:contact|e ?mail|write|mail|solicit|bother)\b"),
    (_OUT, "no_more",
        rf"\bno (?:more|further|additional|other|future|unsolicited)(?: \w+)? ?(?:{_POST}|from you|of (?:this|these"
        r"|that))\b|\bno (?:more )?(?:solicit\w*|junk mail|spam)\b"),
    (_OUT, "leave_alone", r"\bleave (?:me|us|my \w+|our \w+|him|her|them) (?:\w+ )?(?:alone|be|in peace|out of)\b"),
    (_OUT, "lose_my_address", r"\blose (?:my|this|our|the) (?:\w+ )?(?:e ?mail|number|address|info\w*|contact)\b"),
    (_OUT, "cease", r"\b(?:cease and desist|cease (?:all|any|and|this|contact\w*)|desist)\b"),
    (_OUT, "do_not_solicit",
        r"\b(?:do not|dont|no) (?:call|mail|contact|e ?mail|solicit|disturb|knock)\w*(?: \w+)? (?:list|registry"
        r"|registr\w+|policy)\b|\bdo not (?:solicit|disturb)\b"),
    (_OUT, "never_signed_up",
        r"\b(?:never|didnt|did not|dont remember|do not recall) (?:\w+ )?(?:sign\w* up|subscrib\w+|opt\w* in"
        r"|consent\w*|agree\w* to|request\w* (?:this|these|your)|ask\w* for (?:this|these|your|any))\b"),
    (_OUT, "no_permission",
        r"\b(?:do not|dont|never)(?: \w+){0,2} (?:have|had|gave|give|given|grant\w*)(?: \w+){0,2} (?:permission"
        r"|consent|authori[sz]ation)\b|\bwithout (?:my|our) (?:permission|authori[sz]ation)\b"),
    (_OUT, "last_one",
        rf"\b(?:last|final) (?:{_MAIL}|one|time|thing)(?: (?:\w+ ){{0,3}}(?:from you|you send|you contact|you write"
        r"|i get|i hear))"),
    (_OUT, "blocking",
        r"\b(?:i|ill|will|am|im|gonna|going to|have|we|well|just|or|and|,|.) block(?:ing"
        r"|ed)? (?:you|me|your|this|u)\b"),
    (_OUT, "spam",
        r"\b(?:this|it|that|these|you|your \w+|all of this) (?:is|are|was|were) (?:\w+ ){0,2}?(?:spam|junk mail"
        r"|spammers?|spamming)\b(?! folder)|\bits (?:just )?spam\b(?! folder)|\bunsolicited (?:e ?mail|mail|spam"
        r"|message|commercial)"),
    (_OUT, "enough",
        rf"\b(?:enough|sick|tired|fed up|had it|done)(?: \w+){{0,2}} (?:with|of)(?: (?:the|these|your|all|this|those"
        rf"|ur|getting|receiving)){{0,6}} (?:{_POST}|you|hearing from)\b|\bno more of (?:this|these|that)\b"),
    (_OUT, "still_getting",
        r"\b(?:still|keep|keeps) (?:getting|receiving|get|sending|e ?mailing) (?:(?:me|us) )?(?:these|them|your"
        r"|e ?mails?|messages)\b"),
    (_OUT, "rude",
        r"\b(?:fuck|screw|piss|bugger|buzz|sod) ?(?:off|you|u)\b|\bf off\b|\bget lost\b|\bgo (?:away|to hell"
        r"|pound sand)\b"),
    # Law.
    (_LEGAL, "lawyer",
        r"\b(?:hear\w*|contacted|letter|call|papers|word) from (?:my|our|an|a) (?:\w+ )?(?:lawyers?|attorneys?"
        r"|solicitor|counsel)\b|\b(?:lawyer|attorney|solicitor|counsel)s? (?:has |have |is |will |was |been |be "
        r"|being |now ){1,6}(?:notified|informed|contacting you|suing)\b"),
    (_LEGAL, "to_my_lawyer",
        r"\b(?:forward\w*|sent|send\w*|gave|giv\w+|turn\w*|notif\w+|consult\w*|hir\w+|involv\w+|retain\w*|pass\w*"
        r"|hand\w*)(?: \w+){0,4} (?:lawyers?|attorneys?|solicitor|counsel|legal (?:team"
        r"|department))\b(?! (?:\w+ ){0,3}(?:review|look|read|handles|draft|general|for (?:review|advice)))"
        r"|\b(?:contact|call|get) (?:my|a|our) (?:lawyer|attorney)\b"),
    (_LEGAL, "sue",
        r"\b(?:will|gonna|going to|could|can|might|ill|well|id|to|shall|i|or) sue\b(?! (?:is|has|and i|will|was))"
        r"|\bsu(?:e|ing) (?:you|your|u)\b|\b(?:lawsuit against|legal (?:action|steps|proceedings|recourse"
        r"|consequences|remedies)|prosecut\w+|press charges|restraining order|small claims|(?:see|take) you (?:in"
        r"|to) court|class action|statutory damages)\b"),
    (_LEGAL, "report",
        r"\b(?:i|ill|will|to|am|im|have|ive|gonna|be|been|we|weve|already|being|and|just) (?:also )?report(?:ing"
        r"|ed)? (?:you|this|it|your|u|the sender)\b|\breport(?:ed|ing)? (?:\w+ ){0,5}(?:as spam|for spam|as abuse"
        r"|to (?:the )?(?:\w+ ){0,2}(?:ftc|fcc|bbb|police|authorit\w+|attorney general|commission|board|google|state"
        r"|consumer))\b"),
    (_LEGAL, "authority",
        r"\b(?:ftc|fcc|bbb|better business bureau|attorneys? general|attorney generals?|consumer protection"
        r"|real estate (?:commission|board)|data protection authority|ic3)\b"),
    (_LEGAL, "complaint",
        r"\b(?:fil\w+|lodg\w+|mak\w+|submit\w*|open\w*) (?:\w+ ){0,2}complaints?\b|\bcall(?:ing|ed)? the (?:police"
        r"|cops|sheriff)\b"),
    (_LEGAL, "law",
        r"\b(?:can ?spam|tcpa|gdpr|ccpa|casl|cpra|data protection (?:act|law))\b|\b(?:violat(?:e|es|ing|ed)"
        r"|violation of|breach of|against|breaking) (?:\w+ ){0,4}(?:law|laws|act|statute|privacy|rights|regulations?"
        r"|solicitation)\b|\b(?:this|that|it|what you are doing|you are doing|its) (?:is|s)? ?(?:\w+ )?(?:illegal"
        r"|unlawful|against the law)\b"),
    (_LEGAL, "harassment",
        r"\bharassment\b|\b(?:you are|youre|this is|stop) (?:\w+ )?(?:harassing|stalking) (?:me|us|my)\b"),
)  # fmt: skip
