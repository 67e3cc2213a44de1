"""Every error this package raises on purpose. Each says what happened, why, and what to do next.

```
OrchestratorError
├── ConfigurationError          a setting, a key or the environment is wrong
│   ├── MissingApiKey           (also ValueError)
│   ├── DatabaseUnreachable
│   │   └── DatabaseBusy
│   ├── DatabaseUnusable
│   ├── DatabaseMoved           nothing leaves by itself from a clone or a restored backup
│   ├── SchemaOutOfDate
│   └── ComplianceError         nothing leaves by itself while the sender lacks what the law wants
├── UnstorableData              the database refused a value
├── ValidationError             (also ValueError) one field of the caller's input is wrong
├── CampaignNotFound            (also ValueError)
├── AttemptNotFound             (also ValueError)
├── ReplyNotFound               (also ValueError)
├── BatchNotFound               (also ValueError)
├── InvalidState                a command does not fit the campaign's present state
│   └── SuppressionStays        an owner's word, or a complaint, is not taken back just like that
├── ProviderUnreachable         SendGrid could not be asked; nothing was changed by it
├── TemplateError               a template is missing, broken, or lacks a variable
├── SendError                   a mail did not go out, or nobody knows whether it did
│   ├── SendRejected            SendGrid refused it; sending the same again cannot work
│   ├── NotSent                 it certainly did not go out; trying later can work
│   ├── AccountPaused           nothing was tried: a person or SendGrid has paused the account or the tenant
│   └── SendInDoubt             the outcome is unknown; it is never sent again blindly
├── WebhookError                an incoming webhook cannot be used
│   ├── WebhookNotConfigured
│   ├── InboundNotConfigured
│   ├── SignatureMissing
│   ├── SignatureInvalid
│   ├── MalformedPayload
│   └── PayloadTooLarge
└── TokenError                  a signed token was forged or damaged
```

HTTP status codes and exit codes are not here: `api` and `cli` each hold one table for their own edge.
"""

from __future__ import annotations


class OrchestratorError(Exception):
    """Something this package was asked to do could not be done.

    Args:
        message: What happened and why, in one or two sentences. Default: the class's first docstring line.
        fix: What to do next, in one sentence; shown by the CLI and the HTTP API.
    """

    fix: str | None = None

    def __init__(self, message: str | None = None, *, fix: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or type(self).__name__).strip().splitlines()[0])
        if fix is not None:
            self.fix = fix

    @property
    def code(self) -> str:
        """Stable machine-readable name, for example ``campaign-not-found``."""
        name = type(self).__name__
        return "".join(f"-{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


class ConfigurationError(OrchestratorError):
    """A setting is missing or wrong."""


class MissingApiKey(ConfigurationError, ValueError):
    """SendGrid API key is missing: nothing can be sent without one."""

    fix = "Set SENDGRID_API_KEY or pass sendgrid_api_key=…; reading campaigns and handling webhooks need no key."


class DatabaseUnreachable(ConfigurationError):
    """The database did not answer."""

    fix = "Check that DB_DSN names a running server and that host, port, user and password are right."


class DatabaseBusy(DatabaseUnreachable):
    """The database was too busy to do it in time; nothing was stored, and trying again can work."""

    fix = "Try again; if it happens often, look for long transactions, or use PostgreSQL instead of SQLite."


class DatabaseUnusable(ConfigurationError):
    """The database answers, but cannot do what it is asked; nothing was stored."""

    fix = "Check the reason: most often a missing permission, a full disk, or a file that is no database."


class DatabaseMoved(ConfigurationError):
    """This database is a clone, was restored, or was moved; nothing is sent from it by itself."""

    fix = "Make sure that nothing sends from the original any more, then say so here: outreach db adopt"


class SchemaOutOfDate(ConfigurationError):
    """The database schema does not match this version of the package."""

    fix = "Run `outreach db upgrade` (or OutreachRepository.upgrade()) with this version of the package."


class ComplianceError(ConfigurationError):
    """The sender lacks what the law or the mailbox providers want of every mail; nothing is sent by itself."""


class ComplianceWarning(UserWarning):
    """A mail is sent by an explicit call although the sender lacks what the law wants; a worker would refuse."""


class UnstorableData(OrchestratorError):
    """The database refused a value it was given; nothing was stored."""


class ValidationError(OrchestratorError, ValueError):
    """A field of the input is missing or wrong.

    Args:
        field: Dotted path of the field, for example ``owner.email``.
        message: What is wrong with it; the field's name is put in front unless the message already holds it.
    """

    def __init__(self, field: str, message: str, *, fix: str | None = None) -> None:
        self.field = field
        super().__init__(message if field in message else f"{field}: {message}", fix=fix)


class CampaignNotFound(OrchestratorError, ValueError):
    """Campaign not found for this tenant."""

    fix = "Check the campaign id and the tenant id; a campaign of another tenant looks like a missing one."

    def __init__(self, campaign_id: str) -> None:
        self.campaign_id = campaign_id
        super().__init__(f"Campaign not found: {campaign_id}")


class AttemptNotFound(OrchestratorError, ValueError):
    """The ledger has no attempt with this id."""

    fix = "`outreach doctor` lists the attempts that wait for a decision, with their ids."

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        super().__init__(f"No attempt has the id {message_id}")


class ReplyNotFound(OrchestratorError, ValueError):
    """There is no reply with this id."""

    fix = "`outreach reply list` shows the replies of a tenant with their ids, `--unmatched` those of nobody."

    def __init__(self, reply_id: str) -> None:
        self.reply_id = reply_id
        super().__init__(f"No reply has the id {reply_id}")


class BatchNotFound(OrchestratorError, ValueError):
    """There is no webhook batch with this id, or none any more."""

    fix = "Batches are kept for seven days; the dashboard's page Webhooks lists them."

    def __init__(self, batch_id: str) -> None:
        self.batch_id = batch_id
        super().__init__(f"No webhook batch has the id {batch_id}")


class InvalidState(OrchestratorError):
    """The command does not fit the campaign's present state."""


class SuppressionStays(InvalidState):
    """An entry of the suppression list is not taken back just like that; it stays."""


class ProviderUnreachable(OrchestratorError):
    """SendGrid could not be asked, or gave no answer that can be used."""

    fix = "Try again later. What was read before that is stored, and reading it again changes nothing."


class TemplateError(OrchestratorError):
    """A mail template cannot be used; nothing was sent."""

    def __init__(
        self, message: str, *, template: str | None = None, line: int | None = None, fix: str | None = None
    ) -> None:
        self.template = template
        self.line = line
        super().__init__(message, fix=fix)


class SendError(OrchestratorError):
    """A mail did not go out, or nobody knows whether it did."""


class SendRejected(SendError):
    """SendGrid refused the mail; sending the same again cannot work."""

    fix = "Correct what SendGrid names, in the record, the sender or the template, and send it again."

    def __init__(self, message: str, *, status: int | None = None, fix: str | None = None) -> None:
        self.status = status
        super().__init__(message, fix=fix)


class NotSent(SendError):
    """The mail certainly did not go out; trying again later can work."""

    fix = "It is safe to send it again: first remove the cause if it lies with you, else later."


class AccountPaused(SendError):
    """Sending is paused, for the whole account or for this tenant; nothing was tried."""

    fix = "Nothing was sent and nothing is lost. When the reason is gone: outreach resume"


class SendInDoubt(SendError):
    """SendGrid's answer was lost, so the mail may or may not have gone out; it is never sent again blindly."""

    fix = "Nothing to do now: SendGrid's events, or their absence, decide it. `outreach doctor` shows what is missing."


class WebhookError(OrchestratorError):
    """An incoming webhook cannot be used."""


class WebhookNotConfigured(WebhookError):
    """No webhook verification key is configured, so no webhook can be trusted."""

    fix = "Set OUTREACH_WEBHOOK_PUBLIC_KEY to the key that SendGrid shows under Event Webhook → Security features."


class InboundNotConfigured(WebhookError):
    """Nothing is configured by which an inbound mail could be trusted, so none is taken."""

    fix = (
        "Set OUTREACH_INBOUND_PUBLIC_KEY to the key of the security policy of SendGrid's Inbound Parse, or"
        " OUTREACH_INBOUND_SECRET to a long random text that ends the address SendGrid posts to."
    )


class SignatureMissing(WebhookError):
    """The webhook carries no signature headers."""

    fix = "Switch on Signature Verification for this event webhook in SendGrid's Mail Settings."


class SignatureInvalid(WebhookError):
    """The webhook's signature does not match its bytes."""

    fix = "Compare OUTREACH_WEBHOOK_PUBLIC_KEY with SendGrid's key; make sure no proxy re-encodes the body."


class MalformedPayload(WebhookError):
    """The webhook's body is not a JSON list of events."""


class PayloadTooLarge(WebhookError):
    """The webhook's body is larger than SendGrid ever sends."""


class TokenError(OrchestratorError):
    """A signed token was forged or damaged."""
