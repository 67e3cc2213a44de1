"""From a campaign to a finished mail: greeting, opt-out, headers, rendering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import structlog

from orchestrator import errors, rendering
from orchestrator.domain import specimen
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.greeting import display_name, of_record
from orchestrator.domain.message import NOBODY, OutgoingMail
from orchestrator.rendering import Branding, MailContent, RenderedMail
from orchestrator.services.composing import reply_address
from orchestrator.tokens import Signer

log = structlog.get_logger(__name__)

CATEGORY = "outreach"
_CATEGORIES = (CATEGORY,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who writes.

    ``base_url`` is the public address of our service, without a slash at the end, or None; ``inbound_host`` the host
    whose mail comes in to us, or None.
    """

    from_email: str | None
    from_name: str | None
    branding: Branding
    base_url: str | None = None
    inbound_host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacements:
    """Records that replace the stored ones in one rendering; recipient and property stay the stored ones."""

    property_record: dict[str, Any] | None = None
    score_result: dict[str, Any] | None = None


_NOTHING_REPLACED = Replacements()


class _OptOut(NamedTuple):
    """One mail's opt-out: the link in its text; the headers of RFC 2369 and, where we can be posted to, of RFC 8058."""

    url: str
    headers: dict[str, str]


class Composer:
    """Writes mails.

    Args:
        sender: Who writes.
        renderer: Turns content into HTML and text.
        signer: Returns the signer of opt-out links; called when the first link is made.
    """

    def __init__(self, sender: Sender, renderer: rendering.Renderer, signer: Callable[[], Signer]) -> None:
        self._sender = sender
        self._renderer = renderer
        self._signer = signer
        self._warned = False

    def require_sender(self) -> str:
        """Return the sender address. Raises `ConfigurationError` when there is none."""
        if not self._sender.from_email:
            raise errors.ConfigurationError(
                "There is no sender address.", fix="Set SENDGRID_FROM_EMAIL or pass from_email=…; SendGrid verifies it."
            )
        return self._sender.from_email

    def compose(
        self, campaign: OutreachCampaign, message_id: str, replacements: Replacements | None = None
    ) -> OutgoingMail:
        """Write the mail of `campaign`'s attempt `message_id`.

        Raises:
            ConfigurationError: There is no sender address.
            TemplateError: The templates cannot be rendered with these records.
        """
        from_email = self.require_sender()
        signer, host = self._signer(), self._sender.inbound_host
        token = signer.sign("unsubscribe", (campaign.tenant_id, campaign.id, message_id))
        local_part = signer.sign_local_part(reply_address.PURPOSE, (message_id,)) if host else None
        opt_out = self._opt_out(token, local_part)
        mail = self._render(campaign, opt_out.url, replacements or _NOTHING_REPLACED)
        return OutgoingMail(
            message_id=message_id,
            campaign_id=campaign.id,
            tenant_id=campaign.tenant_id,
            property_id=campaign.property_id,
            to_email=campaign.owner_email,
            to_name=display_name(campaign.owner_name),
            from_email=from_email,
            from_name=self._sender.from_name,
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            reply_to=f"{reply_address.REPLY}{local_part}@{host}" if host else None,
            headers=opt_out.headers,
            categories=_CATEGORIES,
        )

    def _warn_of_mailto(self) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "opting out works by email only: set OUTREACH_BASE_URL, the public address of `outreach serve`",
                action="compose.mailto_only",
            )

    def preview(self, campaign: OutreachCampaign) -> RenderedMail:
        """Render `campaign`'s mail as it would go out now, but with an opt-out link that opts nobody out."""
        return self._renderer.render(self.preview_content(campaign))

    def preview_content(self, campaign: OutreachCampaign) -> MailContent:
        """Return what a preview of `campaign`'s mail is written from."""
        url = f"{self._sender.base_url or 'https://example.com'}/u/preview"
        return self._content(campaign, url, _NOTHING_REPLACED)

    def specimen_content(self, content: MailContent) -> MailContent:
        """Return `content` as a test mail has it: its opt-out link says that it is one, and opts nobody out."""
        return replace(content, unsubscribe_url=self._specimen_opt_out().url)

    def compose_specimen(self, mail: RenderedMail, message_id: str, tenant_id: str, to_email: str) -> OutgoingMail:
        """Put `mail` into the envelope of a test mail: like any other, but of no campaign and no property.

        Raises:
            ConfigurationError: There is no sender address.
        """
        host = self._sender.inbound_host
        return OutgoingMail(
            message_id=message_id,
            campaign_id=NOBODY,
            tenant_id=tenant_id,
            property_id=NOBODY,
            to_email=to_email,
            to_name=None,
            from_email=self.require_sender(),
            from_name=self._sender.from_name,
            subject=f"{specimen.PREFIX}{mail.subject}",
            text=mail.text,
            html=mail.html,
            reply_to=f"{reply_address.REPLY}{specimen.TOKEN}@{host}" if host else None,
            headers=self._specimen_opt_out().headers,
            categories=(specimen.CATEGORY,),
        )

    def _specimen_opt_out(self) -> _OptOut:
        return self._opt_out(specimen.TOKEN, specimen.TOKEN if self._sender.inbound_host else None)

    def _render(self, campaign: OutreachCampaign, unsubscribe_url: str, replacements: Replacements) -> RenderedMail:
        return self._renderer.render(self._content(campaign, unsubscribe_url, replacements))

    def _content(self, campaign: OutreachCampaign, unsubscribe_url: str, replacements: Replacements) -> MailContent:
        return MailContent(
            property_record=replacements.property_record or campaign.property_record or {},
            score_result=replacements.score_result or campaign.score_result or {},
            memo_url=campaign.memo_url,
            greeting=campaign.greeting or of_record(campaign.owner_name, campaign.property_record).text,
            owner_name=campaign.owner_name,
            unsubscribe_url=unsubscribe_url,
            branding=self._sender.branding,
        )

    def _opt_out(self, token: str, local_part: str | None) -> _OptOut:
        sender = self._sender
        to = sender.from_email if local_part is None else f"{reply_address.OPT_OUT}{local_part}@{sender.inbound_host}"
        # A token holds only characters that a URL takes as they are. It names the campaign too, and so works without
        # the ledger; the address names the attempt alone.
        mailto = f"mailto:{to}?subject=unsubscribe%20{token}"
        if not self._sender.base_url:
            self._warn_of_mailto()
            return _OptOut(mailto, {"List-Unsubscribe": f"<{mailto}>"})
        url = f"{self._sender.base_url}/u/{token}"
        one_click = {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
        return _OptOut(url, {"List-Unsubscribe": f"<{url}>, <{mailto}>", **one_click})
