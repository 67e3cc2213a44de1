"""Values as PostgreSQL keeps them: its binary format, for COPY and for parameters that are arrays.

As text, each id costs the server 0.7 µs to read (it reads digit by digit) and each time 0.5 µs, and a row of an event
has four of the one and two of the other: that was a third of all the server did. Values are written column by column,
so that hardly any Python runs for a single one.

Formats: PostgreSQL, "COPY", "Binary Format"; the arrays' and the types' are those of its functions ``*_recv``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache, partial
from itertools import chain, repeat
from operator import is_
from struct import Struct
from typing import Any, NamedTuple

import sqlalchemy as sa

from orchestrator.repository.encoding import Columns, json_text

#: Writes every value of a column, each with its length in front; none of them is None.
Write = Callable[[Sequence[Any]], Iterable[bytes]]

_LENGTH, _COUNT = Struct("!i"), Struct("!h")
_NULL = _LENGTH.pack(-1)
_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), _COUNT.pack(-1)
_ARRAY = Struct("!iiIii")  # dimensions, whether there are NULLs, type of elements, how many, number of the first
_JSONB_VERSION = b"\x01"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's
_MICROSECOND = timedelta(microseconds=1)
_UUID_FIELD = 4 + 16
_UUID_MARK = _LENGTH.pack(16).hex()
_SHORT = 4096
_LENGTHS = [_LENGTH.pack(length) for length in range(_SHORT)]


class _Kind(NamedTuple):
    """How values of a type are written: PostgreSQL's name and number for it."""

    name: str
    oid: int
    write: Write


class WireArray:
    """A parameter that is an array, in PostgreSQL's binary format."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class ArrayType(sa.types.UserDefinedType[Any]):
    """A parameter of a statement of SQLAlchemy's: any number of values of the type `of`."""

    cache_ok = True
    render_bind_cast = True

    def __init__(self, of: sa.types.TypeEngine[Any]) -> None:
        self.of = of

    def get_col_spec(self, **_: Any) -> str:
        return array_type(self.of)

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        return partial(array, self.of)


def copy_rows(table: sa.Table, given: Columns) -> tuple[list[str], bytes]:
    """Return the columns that hold anything, and the rows in COPY's binary format.

    Raises:
        ValueError: A value is none of its column's type.
    """
    names, columns = [], []
    for name, values in given.items():
        if values.count(None) < len(values):
            names.append(name)
            columns.append(_fields(_kind(table.c[name].type), values))
    rows = zip(repeat(_COUNT.pack(len(names))), *columns)
    return names, b"".join(chain((_HEAD,), chain.from_iterable(rows), (_END,)))


def array(type_: sa.types.TypeEngine[Any], values: Sequence[Any]) -> WireArray:
    """Return `values`, all of a column's type or None, as one parameter.

    Raises:
        ValueError: A value is not of that type.
    """
    kind = _kind(type_)
    if not values:
        return WireArray(_ARRAY.pack(0, 0, kind.oid, 0, 0)[:12])
    head = _ARRAY.pack(1, 1, kind.oid, len(values), 1)
    return WireArray(b"".join(chain((head,), _fields(kind, values))))


def array_type(type_: sa.types.TypeEngine[Any]) -> str:
    """Return PostgreSQL's name for an array of a column's type; text of any length, so that none is cut short."""
    return f"{_kind(type_).name}[]"


def _fields(kind: _Kind, values: Sequence[Any]) -> Iterable[bytes]:
    """Write the values of a column; one that is the same everywhere is written once."""
    first = values[0]
    if first is values[-1] and all(map(is_, values, repeat(first))):
        (field,) = (_NULL,) if first is None else kind.write((first,))
        return repeat(field, len(values))
    if None not in values:
        return kind.write(values)
    written = iter(kind.write([value for value in values if value is not None]))
    return [_NULL if value is None else next(written) for value in values]


def _uuids(values: Sequence[str]) -> Iterator[bytes]:
    if set(map(len, values)) == {36}:
        fields = bytes.fromhex(_UUID_MARK + _UUID_MARK.join(values).replace("-", ""))
        if len(fields) == _UUID_FIELD * len(values):
            return (fields[at : at + _UUID_FIELD] for at in range(0, len(fields), _UUID_FIELD))
    raise ValueError("not all of these are UUIDs in their usual form")


def _texts(values: Sequence[str]) -> list[bytes]:
    return list(map(_counted, map(str.encode, values)))


def _counted(data: bytes) -> bytes:
    length = len(data)
    return (_LENGTHS[length] if length < _SHORT else _LENGTH.pack(length)) + data


def _jsons(values: Sequence[Any]) -> list[bytes]:
    return [_counted(_JSONB_VERSION + json_text(value).encode()) for value in values]


@lru_cache(maxsize=1024)
def _time(value: datetime) -> bytes:
    return _counted(((value - _EPOCH) // _MICROSECOND).to_bytes(8, "big", signed=True))


def _times(values: Sequence[datetime]) -> list[bytes]:
    return list(map(_time, values))


def _truths(values: Sequence[bool]) -> list[bytes]:
    return [b"\0\0\0\1\1" if value else b"\0\0\0\1\0" for value in values]


def _integers(size: int) -> Write:
    def write(values: Sequence[int]) -> list[bytes]:
        return [_counted(value.to_bytes(size, "big", signed=True)) for value in values]

    return write


def _binaries(values: Sequence[bytes]) -> list[bytes]:
    return list(map(_counted, values))


#: The more special before what they are special kinds of.
_KINDS: tuple[tuple[type[sa.types.TypeEngine[Any]], _Kind], ...] = (
    (sa.Uuid, _Kind("uuid", 2950, _uuids)),
    (sa.JSON, _Kind("jsonb", 3802, _jsons)),
    (sa.TypeDecorator, _Kind("timestamptz", 1184, _times)),
    (sa.String, _Kind("text", 25, _texts)),
    (sa.Boolean, _Kind("boolean", 16, _truths)),
    (sa.SmallInteger, _Kind("smallint", 21, _integers(2))),
    (sa.BigInteger, _Kind("bigint", 20, _integers(8))),
    (sa.Integer, _Kind("integer", 23, _integers(4))),
    (sa.LargeBinary, _Kind("bytea", 17, _binaries)),
)


@cache
def _kind(type_: sa.types.TypeEngine[Any]) -> _Kind:
    return next(kind for known, kind in _KINDS if isinstance(type_, known))
