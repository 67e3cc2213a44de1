"""Settings: the environment read once into one frozen object.

Only the façade, `OutreachRepository` and the entry points call `load`; everything below is handed values.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestrator import errors

SENDGRID_URL = "https://api.sendgrid.com"

#: RFC 1123 §2.1, with at least one dot.
_HOST = re.compile(r"(?=.{4,190}\Z)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
_PATH_SEGMENT = re.compile(r"[A-Za-z0-9_-]{16,200}")


class Settings(BaseSettings):
    """Every setting, with the environment variable that sets it. An empty variable counts as not set."""

    model_config = SettingsConfigDict(
        frozen=True, env_ignore_empty=True, extra="ignore", populate_by_name=True, env_file_encoding="utf-8"
    )

    db_dsn: SecretStr | None = Field(None, alias="DB_DSN", description="Database address; default: embedded SQLite")
    sendgrid_api_key: SecretStr | None = Field(None, alias="SENDGRID_API_KEY", description="SendGrid API key")
    from_email: str | None = Field(None, alias="SENDGRID_FROM_EMAIL", description="Sender address")
    from_name: str | None = Field(None, alias="SENDGRID_FROM_NAME", description="Sender name")
    sendgrid_url: str = Field(
        SENDGRID_URL,
        alias="OUTREACH_SENDGRID_URL",
        description="SendGrid's address; EU subusers: https://api.eu.sendgrid.com",
    )
    sandbox_mode: bool = Field(
        False, alias="OUTREACH_SANDBOX_MODE", description="SendGrid's own sandbox flag: validates, sends nothing"
    )
    webhook_public_key: str | None = Field(
        None, alias="OUTREACH_WEBHOOK_PUBLIC_KEY", description="Event webhook verification keys, comma-separated"
    )
    base_url: str | None = Field(None, alias="OUTREACH_BASE_URL", description="Public address of `outreach serve`")
    inbound_host: str | None = Field(
        None,
        alias="OUTREACH_INBOUND_HOST",
        description="Host whose mail SendGrid's Inbound Parse posts to `outreach serve`; replies go there",
    )
    inbound_public_key: str | None = Field(
        None, alias="OUTREACH_INBOUND_PUBLIC_KEY", description="Inbound Parse verification keys, comma-separated"
    )
    inbound_secret: SecretStr | None = Field(
        None,
        alias="OUTREACH_INBOUND_SECRET",
        description="Ends the address that Inbound Parse posts to, where it does not sign; at least 16 characters",
    )
    secret_key: SecretStr | None = Field(
        None,
        alias="OUTREACH_SECRET_KEY",
        description="Signs links; comma-separated, the first signs; default: made once and kept in the database",
    )
    send_rate: float | None = Field(
        None,
        alias="OUTREACH_SEND_RATE",
        gt=0,
        le=100_000,
        allow_inf_nan=False,
        description="Mails per second that the SendGrid account may send, by all workers together; default: no limit",
    )
    missed_schedule: Literal["send", "skip", "hold"] = Field(
        "send",
        alias="OUTREACH_MISSED_SCHEDULE",
        description="What becomes of mail that missed its time: send, skip or hold",
    )
    missed_after: int = Field(
        86_400,
        alias="OUTREACH_MISSED_AFTER",
        ge=0,
        le=315_360_000,
        description="Seconds after which mail that is due has missed its time",
    )
    address_gap: float = Field(
        72,
        alias="OUTREACH_ADDRESS_GAP",
        ge=0,
        le=87_600,
        allow_inf_nan=False,
        description="Hours that must lie between two mails of a tenant to one address; 0: any",
    )
    in_doubt_grace: float = Field(
        900,
        alias="OUTREACH_IN_DOUBT_GRACE",
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="Seconds that SendGrid's events may take before their silence about a mail in doubt means anything",
    )
    probe_address: str | None = Field(
        None,
        alias="OUTREACH_PROBE_ADDRESS",
        description="Your own address: gets a mail when the last mail sent is in doubt and only a later one can tell",
    )
    test_recipients: str | None = Field(
        None,
        alias="OUTREACH_TEST_RECIPIENTS",
        description="Who may get test mails: addresses and @domains, comma-separated; default: the sender's domain",
    )
    dashboard_password_hash: SecretStr | None = Field(
        None,
        alias="OUTREACH_DASHBOARD_PASSWORD_HASH",
        description="Who may see the dashboard: what `outreach dashboard password` answers; default: nobody",
    )
    allowed_hosts: str | None = Field(
        None,
        alias="OUTREACH_ALLOWED_HOSTS",
        description="Names the dashboard answers to beside OUTREACH_BASE_URL's and this machine's, comma-separated",
    )
    postal_address: str | None = Field(
        None, alias="OUTREACH_POSTAL_ADDRESS", description="Your postal address, required by CAN-SPAM in every mail"
    )
    company_name: str | None = Field(None, alias="OUTREACH_COMPANY_NAME", description="Your company's legal name")
    company_tagline: str | None = Field(None, alias="OUTREACH_COMPANY_TAGLINE", description="One line under the name")
    logo_url: str | None = Field(None, alias="OUTREACH_LOGO_URL", description="https address of a PNG or JPEG logo")
    brand_color: str = Field("#005c91", alias="OUTREACH_BRAND_COLOR", description="Button colour, #rrggbb")
    template_dir: Path | None = Field(None, alias="OUTREACH_TEMPLATE_DIR", description="Folder of your own templates")

    @property
    def dsn(self) -> str | None:
        """The database address in clear text; None means the embedded file."""
        return self.db_dsn.get_secret_value() if self.db_dsn else None

    @field_validator("sendgrid_url", "base_url")
    @classmethod
    def _http_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/") if value else value

    @field_validator("inbound_host")
    @classmethod
    def _host_name(cls, value: str | None) -> str | None:
        if value is not None and not _HOST.fullmatch(value):
            raise ValueError("must be the name of a host, such as reply.example.com")
        return value.lower() if value else value

    @field_validator("inbound_secret")
    @classmethod
    def _path_segment(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _PATH_SEGMENT.fullmatch(value.get_secret_value()):
            raise ValueError("must be at least 16 letters, digits, - and _: it is part of a web address")
        return value

    @field_validator("brand_color")
    @classmethod
    def _hex_color(cls, value: str) -> str:
        if len(value) != 7 or value[0] != "#" or any(c not in "0123456789abcdefABCDEF" for c in value[1:]):
            raise ValueError("must look like #005c91")
        return value.lower()


def load(env_file: str | Path | None = None, **overrides: Any) -> Settings:
    """Read the environment, then apply `overrides`.

    Args:
        env_file: A file of ``NAME=value`` lines read under the environment; None reads no file.
        **overrides: Fields by name; None means "not given" and leaves the environment's value.

    Raises:
        ConfigurationError: A value cannot be used; the message names the variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    unknown = sorted(given.keys() - Settings.model_fields.keys())
    if unknown:
        raise TypeError(f"unknown setting: {', '.join(unknown)}")
    try:
        return Settings(_env_file=env_file, **given)  # type: ignore[call-arg]  # pydantic-settings' own argument
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        field = Settings.model_fields.get(name)
        variable = field.alias if field and field.alias else name
        message = str(first["msg"]).removeprefix("Value error, ")
        raise errors.ConfigurationError(
            f"{variable} is wrong: {message}", fix=f"Correct {variable}; `outreach config show` lists every setting."
        ) from None


def variables() -> list[tuple[str, str, str]]:
    """Return (variable, field, description) of every setting, in the order they are declared."""
    return [(f.alias or name, name, f.description or "") for name, f in Settings.model_fields.items()]
