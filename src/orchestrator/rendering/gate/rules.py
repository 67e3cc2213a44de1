"""Every rule of the gate: its name, how grave it is, and why it is a rule."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """`FAIL` fails the check; `WARN` is told and passes."""

    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    `wants` completes "a mail's …" in one line; `why` is the reason or the source, told with every finding.
    """

    id: str
    severity: Severity
    wants: str
    why: str


def _rules(severity: Severity, *told: tuple[str, str, str]) -> dict[str, Rule]:
    return {name: Rule(name, severity, wants, why) for name, wants, why in told}


RULES: dict[str, Rule] = _rules(
    Severity.FAIL,
    (
        "template",
        "the template can be read, and uses only the variables of this mail",
        "A template that cannot be rendered stops every mail.",
    ),
    (
        "html-size",
        "the HTML part has at most 80 kB",
        "Gmail clips a mail near 102 kB, and what it cuts off is the opt-out link.",
    ),
    (
        "html-nesting",
        "every element is closed, in order, and stands where HTML allows it",
        "Each mail program repairs broken HTML in its own way, and Outlook in the worst.",
    ),
    (
        "html-element",
        "no script, form, iframe, video, object, stylesheet link or the like",
        "Mail programs remove it, or take the mail for an attack.",
    ),
    (
        "html-head",
        "doctype, `lang`, a title, UTF-8 and a viewport are there",
        "Screen readers read in the language they are told; telephones scale by the viewport.",
    ),
    (
        "css-forbidden",
        "no position, grid, CSS variables or @import",
        "Gmail and Outlook ignore it, and the layout falls apart.",
    ),
    ("css-important", "a space before every `!important`", "Gmail drops the whole declaration without it."),
    ("css-margin", "no negative margin", "Gmail and Outlook ignore it, and texts lie over each other."),
    (
        "image",
        "every image has `alt`, `width`, `height` and an https address",
        "Many readers see no images: they see the alt text, in a box of that size.",
    ),
    (
        "image-format",
        "no image as SVG, WebP or base64",
        "Gmail shows no SVG and no base64, Outlook no WebP.",
    ),
    (
        "table-role",
        'every layout table has `role="presentation"`',
        "Without it a screen reader announces rows and columns instead of reading the letter.",
    ),
    (
        "preheader",
        "the first, hidden line has 40 to 110 characters and is not the subject again",
        "An inbox shows it after the subject; without one it shows whatever comes first.",
    ),
    (
        "parts-differ",
        "both parts say the same: at least 80 % of the words of either are in the other",
        "Spam filters compare the two, and some people read only the text.",
    ),
    ("links-differ", "both parts hold the same links", "Who reads the text must be able to do what others can."),
    (
        "leftover",
        "no template code, None, nan or undefined",
        "Nothing tells a reader sooner that no person wrote the letter.",
    ),
    ("spacing", "no double spaces, no space before a comma, no `Hi ,`", "Such a gap is where a value was missing."),
    (
        "opt-out",
        "the opt-out link is there to be seen, in both parts",
        "The law wants it clear and conspicuous (15 USC 7704(a)(3); 16 CFR 316.5).",
    ),
    (
        "opt-out-tracked",
        "the opt-out link says `clicktracking=off` before its `href`",
        "SendGrid would lead it through its tracking host, and reads the attribute only there.",
    ),
    (
        "postal-address",
        "the sender's postal address is in both parts",
        "The law wants it in every commercial mail (15 USC 7704(a)(5)(A)(iii)).",
    ),
    ("company", "the sender's name is in both parts", "A mail must not hide who sends it (15 USC 7704(a)(1))."),
    (
        "advertisement",
        "both parts say that the mail is an advertisement",
        "The law wants a clear notice (15 USC 7704(a)(5)(A)(i)): `Advertisement from …` does it.",
    ),
    ("property", "the street of the property is in both parts", "The mail is about it."),
    ("memo-link", "the memo link is in both parts", "The mail is there to deliver it."),
    (
        "link-scheme",
        "links are https, mailto, tel or configured",
        "Browsers warn of http, and filters distrust the rest.",
    ),
    ("link-count", "at most three different links besides the opt-out", "A letter asks for one thing."),
    (
        "link-host",
        "a link whose text names a host leads to that host",
        "Anything else looks like phishing to filters and to people.",
    ),
    ("link-shortener", "no shortened links", "Spammers hide behind them, and the shorteners are blocked as a whole."),
    (
        "subject-length",
        "the subject has 15 to 60 characters; more only where the street alone needs them",
        "Telephones cut longer ones, and shorter ones say nothing.",
    ),
    (
        "subject-reply",
        "no `Re:` or `Fwd:` on a first mail",
        "It is false, and in Washington each false subject is a violation of its own (RCW 19.190.020).",
    ),
    (
        "subject-urgency",
        "no urgency in the subject",
        "`Today only` is rarely true, and in Washington a false subject is a violation (RCW 19.190.020).",
    ),
    ("subject-shouting", "no words in capitals in the subject", "Filters count them, and people close the mail."),
    ("subject-money", "no `$` in the subject", "Filters count it, and it reads like a trick."),
    ("subject-exclamation", "at most one `!` in the subject", "More is shouting."),
    ("copy-salutation", "no `Dear Friend`, `Dear Homeowner` and the like", "SpamAssassin gives up to 2.7 for it."),
    (
        "copy-admission",
        "no `This is an advertisement`, `this is not spam`, `we found your`",
        "SpamAssassin gives up to 1.0 for each; `Advertisement from …` costs nothing and says the same.",
    ),
    ("copy-urgency", "no urgency: `act now`, `last chance`, `limited time`", "It is not true, and it scares."),
    ("copy-shouting", "no words or sentences in capitals", "Filters count them, and people close the mail."),
    ("copy-exclamation", "at most one `!`", "More is shouting."),
) | _rules(
    Severity.WARN,
    (
        "html-large",
        "the HTML part has at most 40 kB",
        "A letter needs 15; beyond 80 the check fails, and near 102 Gmail clips.",
    ),
    ("css-weak", "no flex, background images or web fonts", "Outlook or Gmail ignores it: look at the mail without."),
    ("text-size", "no text under 12 px", "It cannot be read on a telephone."),
    (
        "dark-mode",
        "the mail says how it wants to look in dark mode (`color-scheme`)",
        "Else mail programs turn colours round as they see fit.",
    ),
    ("facts", "score, ZIP code and reasons are in both parts", "The owner should see what the memo is based on."),
    (
        "reason",
        "both parts say why this person gets the mail",
        "People who know why rarely complain.",
    ),
    ("link-foreign", "links lead to your own domain", "Filters judge a mail by the worst host it links to."),
    (
        "copy-length",
        "the letter has 50 words at least, and at most 150 of its own",
        "Shorter says nothing; longer is not read.",
    ),
    ("copy-questions", "at most one question", "One is answered; of three, none."),
    (
        "copy-hype",
        "no `guaranteed`, `risk-free`, `cash offer`, `we buy houses`",
        "Every owner has seen it, and so have the filters.",
    ),
    (
        "copy-fairness",
        "nothing about who lives there or how the neighbourhood changes",
        "The Fair Housing Act does not allow such words in an offer (42 USC 3604(c), (e)).",
    ),
)
