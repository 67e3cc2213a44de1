"""Consent: in which countries a mail needs the recipient's, and what is known of it.

The law asks where a person lives, never where the property stands: ``CA`` is Canada here and California in an address.
A recipient without a country is taken to live in the United States, whose CAN-SPAM Act asks for no consent.
"""

from __future__ import annotations

from enum import StrEnum


class ConsentBasis(StrEnum):
    """Why somebody may be written to, as whoever brings the address says."""

    #: The person agreed to be written to by this sender.
    EXPRESS = "express"
    #: The person is or lately was the sender's customer.
    EXISTING_CUSTOMER = "existing_customer"
    #: The person asked the sender something.
    INQUIRY = "inquiry"
    #: Somebody who may do so passed the person's wish on.
    REFERRAL_WITH_PERMISSION = "referral_with_permission"
    #: The person publishes the address for business of this kind, without asking not to be written to.
    PUBLISHED_BUSINESS_CONTACT = "published_business_contact"
    #: There is none, and that is known: counts as no basis.
    NONE_COLD = "none_cold"


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: ISO 3166-1 alpha-2, the officially assigned codes.
COUNTRIES = _codes(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA
    GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS
    MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS
    RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW
    TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
    """
)
#: What people write for countries whose code decides something here.
_ALIASES = {
    "UK": "GB",
    "GBR": "GB",
    "UNITED KINGDOM": "GB",
    "GREAT BRITAIN": "GB",
    "USA": "US",
    "UNITED STATES": "US",
    "UNITED STATES OF AMERICA": "US",
    "CAN": "CA",
    "CANADA": "CA",
}
#: The European Union with the regions that have codes of their own and in which its law holds (TFEU article 355 (1);
#: Åland by its accession), and the European Economic Area.
_EEA = _codes(
    """
    AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK
    AX GF GP MF MQ RE YT
    IS LI NO
    """
)
#: Where a mail of this kind needs consent: Canada (CASL), the EU and the EEA (Directive 2002/58/EC article 13), the
#: United Kingdom (PECR regulation 22) and Switzerland (UWG article 3 (1) o).
NEEDS_CONSENT = _EEA | {"CA", "GB", "CH"}

#: What the reason of a hold begins with that a missing consent brings.
HELD = "consent: "


#: What to do about a missing one.
FIX = (
    "Record what the recipient agreed to, if it is so: outreach campaign consent CAMPAIGN --basis BASIS --source TEXT,"
    " or update_campaign(…, consent_basis=…, consent_source=…). If not, cancel the campaign."
)


def country(value: str) -> str:
    """Return a country's code (ISO 3166-1 alpha-2). Raises ValueError for what names none."""
    plain = " ".join(value.upper().replace(".", "").split())
    code = _ALIASES.get(plain, plain)
    if code not in COUNTRIES:
        raise ValueError("must be a two-letter country code of ISO 3166-1, such as US, CA or GB")
    return code


def basis(value: str) -> ConsentBasis:
    """Return a basis by its word. Raises ValueError for what is none."""
    try:
        return ConsentBasis(value.strip().lower())
    except ValueError:
        raise ValueError(f"must be one of {', '.join(ConsentBasis)}") from None


def missing(country: str | None, basis: str | None) -> str | None:
    """Say why a recipient must not be written to without being asked, and what to do; None: nothing is missing.

    Args:
        country: Where the recipient lives, by its code; None means the United States.
        basis: What is recorded of the consent, a `ConsentBasis`, or None.
    """
    if country not in NEEDS_CONSENT or basis not in (None, ConsentBasis.NONE_COLD):
        return None
    known = "no basis for it is recorded" if basis is None else f"the recorded basis is {basis}"
    return (
        f"{HELD}mail to a recipient in {country} needs consent, and {known}; record one (`outreach campaign consent`"
        " or update_campaign), or cancel it"
    )
