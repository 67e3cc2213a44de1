"""Files that people send from a page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from orchestrator.dashboard.access import Refused
from orchestrator.dashboard.viewing import Form, House
from orchestrator.domain.text import one_line, shortened

#: Bytes of a file; larger ones are for the command line, which tells how far it has come.
LIMIT = 8 * 1024 * 1024
_FIELD_LIMIT = 64 * 1024
#: Bytes of a file that is too large that are waited for before it is refused.
_PATIENCE = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with a file in it; `name` is what its sender calls the file, and `file` is None when there is none."""

    fields: Mapping[str, str]
    name: str
    file: BinaryIO | None


class Uploads:
    """Dependency: the fields and the file that one of our pages sent.

    Args:
        house: What all pages share.
        field: The name of the file's field.
    """

    def __init__(self, house: House, field: str = "file") -> None:
        self._house = house
        self._field = field

    async def __call__(self, request: Request) -> AsyncIterator[Upload]:
        """Yield the form; its file is open until the answer is made.

        Raises:
            Refused: It is too long, no form, or did not come from our page in this session.
            LoginNeeded: The session has ended; nothing was done.
        """
        session = await run_in_threadpool(self._house.session, request)
        length = request.headers.get("content-length", "")
        # With both, the length says nothing (RFC 9112 §6.3).
        if not length.isdecimal() or "transfer-encoding" in request.headers:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "The file came without its length. Nothing was done.")
        if int(length) > LIMIT:
            await _let_pass(request)
            words = f"Files of up to {LIMIT // 1024**2} MiB are taken here. Nothing was done: use the command line."
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words)
        try:
            form = await request.form(max_files=1, max_fields=20, max_part_size=_FIELD_LIMIT)
        except HTTPException:
            raise Refused(HTTPStatus.BAD_REQUEST, "That is no form of ours. Nothing was done.") from None
        try:
            fields = Form.of((name, value) for name, value in form.multi_items() if isinstance(value, str))
            request.state.form = fields
            self._house.access.check_form(request, session, fields.first)
            sent = form.get(self._field)
            given = isinstance(sent, UploadFile) and bool(sent.filename)
            name = shortened(one_line(sent.filename or ""), 80) if isinstance(sent, UploadFile) else ""
            yield Upload(fields.first, name, sent.file if given and isinstance(sent, UploadFile) else None)
        finally:
            await form.close()


async def _let_pass(request: Request) -> None:
    """Read what is too large and keep nothing of it: a browser shows no answer before it has sent everything."""
    passed = 0
    async for chunk in request.stream():
        passed += len(chunk)
        if passed > _PATIENCE:
            return
