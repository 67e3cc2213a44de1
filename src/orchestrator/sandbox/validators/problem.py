"""One complaint of mail/send, in SendGrid's wire shape."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message"
_POSITION = re.compile(r"\.\d+")

JSON = dict[str, Any]


class Problem(NamedTuple):
    """A complaint.

    Args:
        message: SendGrid's own words.
        field: Dotted path with positions (``personalizations.0.to.0.email``), or None.
        linked: Whether a help address goes with it.
    """

    message: str
    field: str | None
    linked: bool = True

    def as_wire(self) -> dict[str, str | None]:
        """Return the object that stands in the answer's ``errors`` list."""
        return {"message": self.message, "field": self.field, "help": self._help()}

    def _help(self) -> str | None:
        if self.field is None or not self.linked:
            return None
        path = _POSITION.sub("", self.field)
        return f"{HELP}.{path.removesuffix('.email')}"


# What SendGrid answers when the JSON does not have the shape it decodes into: no field, no explanation.
BAD_REQUEST = Problem("Bad Request", None)
