"""Enumerated words of the field."""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """A word that is a key in many tables.

    An enum's own hash is computed in Python each time; a text knows its hash, and equal texts are equal words.
    """

    __hash__ = str.__hash__
