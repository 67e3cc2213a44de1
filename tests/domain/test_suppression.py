"""Two spellings of one mailbox are one address."""

from __future__ import annotations

import pytest

from orchestrator.domain.suppression import address_key


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("Owner@Example.COM", "owner@example.com"),
        (" owner@example.com ", "owner@example.com"),
        ("j.o.h.n+spam@gmail.com", "john@gmail.com"),
        ("john@googlemail.com", "john@gmail.com"),
        ("john+house@outlook.com", "john@outlook.com"),
        ("john+house@icloud.com", "john@icloud.com"),
        ("john.doe@outlook.com", "john.doe@outlook.com"),
        ("sales+ohio@company.example", "sales+ohio@company.example"),
        ("+@gmail.com", "+@gmail.com"),
        ("...@gmail.com", "...@gmail.com"),
        ("ß@example.com", "ss@example.com"),
    ],
)
def test_spellings_fold_into_one_key(spelling: str, key: str) -> None:
    assert address_key(spelling) == key
    assert address_key(key) == key
