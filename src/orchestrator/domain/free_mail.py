"""Domains of mailbox providers whose addresses no bulk sender can authenticate.

A From address there fails DMARC wherever it is checked, because only the provider itself signs for the domain: Gmail,
Yahoo and Microsoft refuse such mail (RFC 7489 §3; their sender rules of 2024 and 2025). And a sender that shares its
domain with everybody cannot be told by it, which California counts as a falsified header (B&P 17529.5; Balsam v.
Trancos, 2012).
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: The largest providers of personal mailboxes in the countries this product writes to, and the best known ones of
#: one-time addresses. A subdomain counts as its parent.
DOMAINS = _names(
    """
    gmail.com googlemail.com
    yahoo.com yahoo.ca yahoo.co.uk yahoo.fr yahoo.de yahoo.es yahoo.it yahoo.ie yahoo.com.mx yahoo.com.br ymail.com
    rocketmail.com myyahoo.com aol.com aim.com verizon.net
    outlook.com outlook.de outlook.fr outlook.es outlook.ie outlook.it hotmail.com hotmail.ca hotmail.co.uk hotmail.de
    hotmail.fr hotmail.es hotmail.it live.com live.ca live.co.uk live.fr live.nl msn.com passport.com
    icloud.com me.com mac.com
    proton.me protonmail.com protonmail.ch pm.me tutanota.com tuta.com tuta.io fastmail.com fastmail.fm hey.com
    gmx.com gmx.net gmx.de gmx.at gmx.ch gmx.us gmx.co.uk web.de t-online.de freenet.de mail.com email.com usa.com
    zoho.com zohomail.com yandex.com yandex.ru mail.ru inbox.ru list.ru bk.ru rambler.ru qq.com 163.com 126.com sina.com
    comcast.net att.net sbcglobal.net bellsouth.net pacbell.net ameritech.net cox.net charter.net spectrum.net
    earthlink.net mindspring.com juno.com netzero.net optonline.net roadrunner.com rr.com frontier.com frontiernet.net
    windstream.net centurylink.net centurytel.net embarqmail.com q.com suddenlink.net cableone.net
    rogers.com bell.net bell.ca sympatico.ca shaw.ca telus.net videotron.ca cogeco.ca
    btinternet.com virginmedia.com ntlworld.com sky.com talktalk.net blueyonder.co.uk
    orange.fr wanadoo.fr free.fr laposte.net sfr.fr neuf.fr libero.it virgilio.it alice.it tin.it tiscali.it
    bluewin.ch ziggo.nl kpnmail.nl planet.nl telenet.be skynet.be wp.pl o2.pl onet.pl interia.pl seznam.cz
    mailinator.com guerrillamail.com yopmail.com
    """
)


def provider_of(address: str) -> str | None:
    """Return the mailbox provider's domain that `address` is at, or None."""
    domain = address.rpartition("@")[2].strip(" .>").lower()
    labels = domain.split(".")
    return next((name for n in range(len(labels)) if (name := ".".join(labels[n:])) in DOMAINS), None)
