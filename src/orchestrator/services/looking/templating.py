"""The templates in use, what is wrong with them, edits that are tried out and never stored, and mails to look at."""

from __future__ import annotations

import difflib
import hashlib
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator import errors
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.specimen import Origin
from orchestrator.rendering import MailContent, RenderedMail, Renderer, gate, samples, trial
from orchestrator.rendering.gate import matrix
from orchestrator.rendering.renderer import TEMPLATES
from orchestrator.rendering.trial import Trial
from orchestrator.repository import Transaction, campaigns
from orchestrator.services.composing.compose import Composer
from orchestrator.services.sending.specimen import Draft
from orchestrator.settings import Settings

Begin = Callable[[], AbstractContextManager[Transaction]]

#: Characters of one template; the largest mail that is not clipped has a tenth of it.
LARGEST = 100_000
#: How long an edit can be looked at, in seconds, and how many are remembered by this process.
KEPT = 1800.0
MOST = 30
#: The shipped sample first, then the mails that templates break on.
SAMPLE = "sample"
BARE = "nothing optional"
_FREE_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFile:
    """One of the two templates. `own` says whether it stands in the folder of own templates, or was shipped."""

    name: str
    path: Path
    own: bool
    changed_at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Templates that were typed in, for whom, and what became of trying them out."""

    tenant_id: str
    sources: Mapping[str, str]
    trial: Trial
    until: float


class Templating:
    """Looks at the templates in use as their files are now; workers read them when they start.

    Args:
        settings: Where own templates are, and which domains are the sender's own.
        composer: Says what a campaign's mail is written from.
        read: Opens a reading transaction.
        monotonic: Seconds by a clock that is never set.
    """

    def __init__(self, settings: Settings, composer: Composer, read: Begin, monotonic: Callable[[], float]) -> None:
        self._read = read
        self._own = settings.template_dir
        self._domains = own_domains(settings)
        self._composer = composer
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._edits: dict[str, Edit] = {}
        self._kept: tuple[object, gate.Report] | None = None

    def files(self) -> list[TemplateFile]:
        """Return the two templates in use.

        Raises:
            ConfigurationError: One of the files cannot be read.
        """
        renderer = Renderer(self._own)
        return [_file(renderer.path_of(name), self._own) for name in TEMPLATES]

    def report(self) -> gate.Report:
        """Return what is wrong with the templates in use; checked again when one of the files has changed."""
        stamps = [(file.path, file.changed_at, hash(file.source)) for file in self.files()]
        kept = self._kept
        if kept is None or kept[0] != stamps:
            kept = self._kept = (stamps, gate.check(Renderer(self._own), own_domains=self._domains))
        return kept[1]

    def write(self, content: MailContent) -> RenderedMail:
        """Write a mail with the templates in use. Raises `TemplateError`."""
        return Renderer(self._own).render(content)

    def of_campaign(self, campaign: OutreachCampaign) -> MailContent:
        """Return what a campaign's mail is written from; its opt-out link opts nobody out."""
        return self._composer.preview_content(campaign)

    def try_out(self, tenant_id: str, sources: Mapping[str, str], content: MailContent) -> str:
        """Try templates out and return the id under which the result can be looked at for half an hour.

        Args:
            tenant_id: Whose people may look.
            sources: Texts by the names of templates.
            content: What the mail says that is written with them.

        Raises:
            ValidationError: A text is longer than 100,000 characters.
        """
        for name, source in sources.items():
            if len(source) > LARGEST:
                raise errors.ValidationError(name, f"has {len(source):,} characters, and {LARGEST:,} are allowed")
        result = trial.attempt(sources, content, template_dir=self._own, own_domains=self._domains)
        id_ = secrets.token_urlsafe(12)
        now = self._monotonic()
        edit = Edit(tenant_id=tenant_id, sources=dict(sources), trial=result, until=now + KEPT)
        with self._lock:
            self._edits = {key: one for key, one in self._edits.items() if one.until > now}
            self._edits[id_] = edit
            while len(self._edits) > MOST:
                del self._edits[next(iter(self._edits))]
        return id_

    def edit(self, tenant_id: str, id_: str) -> Edit | None:
        """Return what was tried out; None when it is older than half an hour, or nobody of this tenant did it."""
        with self._lock:
            found = self._edits.get(id_)
        alive = found is not None and found.until > self._monotonic() and found.tenant_id == tenant_id
        return found if alive else None

    def draft(
        self,
        tenant_id: str,
        *,
        campaign_id: str | None = None,
        sample: str | None = None,
        edit: str | None = None,
        folder: Path | None = None,
    ) -> Draft:
        """Write a mail to be looked at in a mailbox: of a campaign's records, or a made-up one.

        Args:
            tenant_id: Whose.
            campaign_id: Whose records; None: a made-up mail.
            sample: Which made-up mail; None: the shipped sample.
            edit: Write it with what was tried out under this id.
            folder: Write it with the templates of this folder.

        Raises:
            ValidationError: There is no such made-up mail, both kinds are named, or the edit is no longer kept.
            CampaignNotFound: The tenant has no such campaign.
            TemplateError: It cannot be written.
        """
        known = None if edit is None else self.edit(tenant_id, edit)
        if edit is not None and known is None:
            raise errors.ValidationError("edit", "this edit is no longer kept", fix="Check your templates again.")
        if campaign_id is not None and sample is not None:
            raise errors.ValidationError("sample", "a mail is of a campaign or made up, not both")
        if campaign_id is None:
            sample = sample or SAMPLE
            content = _example(sample)
        else:
            content = self._of_records(tenant_id, campaign_id)
        content = self._composer.specimen_content(content)
        mail, sources = self._tried(known, content) if known else self._rendered(folder, content)
        origin = Origin.EDIT if known else Origin.FOLDER if folder else Origin.IN_USE
        return Draft(
            mail=mail, templates=fingerprint(sources), origin=origin, campaign_id=campaign_id, sample=sample
        )  # fmt: skip

    def _of_records(self, tenant_id: str, campaign_id: str) -> MailContent:
        with self._read() as tx:
            campaign = campaigns.get(tx, (tenant_id, campaign_id))
        if campaign is None:
            raise errors.CampaignNotFound(campaign_id)
        return self.of_campaign(campaign)

    def _tried(self, edit: Edit, content: MailContent) -> tuple[RenderedMail, Mapping[str, str]]:
        tried = trial.attempt(edit.sources, content, template_dir=self._own, own_domains=self._domains)
        if tried.mail is None:
            raise errors.TemplateError(tried.problem or "The templates cannot be read.")
        return tried.mail, edit.sources

    def _rendered(self, folder: Path | None, content: MailContent) -> tuple[RenderedMail, Mapping[str, str]]:
        own = folder or self._own
        renderer = Renderer(own)
        sources = {name: _file(renderer.path_of(name), own).source for name in TEMPLATES}
        return renderer.render(content), sources


def fingerprint(sources: Mapping[str, str]) -> str:
    """Return the SHA-256 of templates, so that it can be told later which ones a mail was written with."""
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\0{sources[name]}\0".encode("utf-8", "replace"))
    return digest.hexdigest()


def _example(name: str) -> MailContent:
    found = examples().get(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name[:200], examples(), n=3, cutoff=0.3)
    likely = "; ".join(repr(one) for one in (near or [SAMPLE, BARE]))
    raise errors.ValidationError(
        "sample", f"there is no made-up mail called {name[:200]!r}", fix=f"The dashboard lists them, such as {likely}."
    )


@lru_cache(maxsize=1)
def examples() -> dict[str, MailContent]:
    """Return made-up mails by name: two samples, then every kind of owner, building, reasons, address and sender."""
    return {SAMPLE: samples.FULL, BARE: samples.BARE, **dict(matrix.representatives())}


def own_domains(settings: Settings) -> set[str]:
    """Return the sender's domain and the service's: a template may link there without a warning."""
    domains = {(settings.from_email or "").rpartition("@")[2], urlsplit(settings.base_url or "").hostname or ""}
    return {domain.lower() for domain in domains if domain} - _FREE_HOSTS


def _file(path: Path, own: Path | None) -> TemplateFile:
    try:
        source = path.read_text(encoding="utf-8", errors="replace")
        changed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as problem:
        raise errors.ConfigurationError(
            f"The template {path} cannot be read: {problem.strerror}.", fix="Correct OUTREACH_TEMPLATE_DIR."
        ) from None
    is_own = own is not None and path.parent == Path(own)
    return TemplateFile(name=path.name, path=path, own=is_own, changed_at=changed_at, source=source)
