"""Kinds of field a config document may hold: how each is written, read and bounded.

Used by `config` to declare its dataclasses. Values are written as the CRD writes them (decimal
strings instead of floats, durations such as "1m30s") and read into plain Python numbers.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DECIMAL_PATTERN = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"
DURATION_PATTERN = r"^([0-9]{1,9}(ms|s|m|h))+$"
TIME_ZONE_PATTERN = r"^[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,32}){0,2}$"
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_PART = re.compile(r"([0-9]+)(ms|s|m|h)")


class FieldError(ValueError):
    """One value that cannot be used: where it stands, what was wrong, what would be right."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class Kind(Protocol):
    """Reads one raw JSON value, or raises FieldError."""

    def read(self, raw: object, path: str) -> object: ...


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number within bounds, both inclusive."""

    minimum: int
    maximum: int

    def read(self, raw: object, path: str) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise FieldError(path, f"must be a whole number, not {raw!r}")
        if not self.minimum <= raw <= self.maximum:
            raise FieldError(path, f"must be {self.minimum} to {self.maximum}, not {raw}")
        return raw


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""

    def read(self, raw: object, path: str) -> bool:
        if not isinstance(raw, bool):
            raise FieldError(path, f"must be true or false, not {raw!r}")
        return raw


@dataclass(frozen=True, slots=True)
class DecimalString:
    """A number written as a string, since Kubernetes API conventions allow no floats in spec."""

    minimum: float
    maximum: float

    def read(self, raw: object, path: str) -> float:
        if not isinstance(raw, str) or not re.match(DECIMAL_PATTERN, raw):
            raise FieldError(path, f'must be a decimal number as a string, like "2.5", not {raw!r}')
        value = float(raw)
        if not self.minimum <= value <= self.maximum:
            raise FieldError(path, f"must be {self.minimum:g} to {self.maximum:g}, not {raw}")
        return value


@dataclass(frozen=True, slots=True)
class OptionalDecimalString:
    """The same, or an empty string for "not set", read as None."""

    minimum: float
    maximum: float

    def read(self, raw: object, path: str) -> float | None:
        return None if raw == "" else DecimalString(self.minimum, self.maximum).read(raw, path)


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of time such as "500ms", "1m30s" or "2h", read into seconds."""

    minimum_seconds: float
    maximum_seconds: float

    def read(self, raw: object, path: str) -> float:
        if not isinstance(raw, str) or not re.match(DURATION_PATTERN, raw):
            raise FieldError(path, f'must be a duration like "30s" or "1m30s", not {raw!r}')
        parts = _DURATION_PART.findall(raw)
        seconds = math.fsum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts)
        if not self.minimum_seconds <= seconds <= self.maximum_seconds:
            bounds = f"{self.minimum_seconds:g}s to {self.maximum_seconds:g}s"
            raise FieldError(path, f"must be {bounds}, not {raw}")
        return seconds


@dataclass(frozen=True, slots=True)
class OptionalDuration:
    """The same, or an empty string for "not set", read as None."""

    minimum_seconds: float
    maximum_seconds: float

    def read(self, raw: object, path: str) -> float | None:
        if raw == "":
            return None
        return Duration(self.minimum_seconds, self.maximum_seconds).read(raw, path)


@dataclass(frozen=True, slots=True)
class Maybe:
    """A field that may be left out, read as None then."""

    of: Kind

    def read(self, raw: object, path: str) -> object:
        return None if raw is None else self.of.read(raw, path)


@dataclass(frozen=True, slots=True)
class Choice:
    """One word of a closed set."""

    values: type[StrEnum]

    def read(self, raw: object, path: str) -> StrEnum:
        try:
            return self.values(raw)  # type: ignore[arg-type]  # a wrong type is a wrong value too
        except ValueError:
            allowed = ", ".join(self.values)
            raise FieldError(path, f"must be one of {allowed}, not {raw!r}") from None


@dataclass(frozen=True, slots=True)
class ChoiceList:
    """A list of words of a closed set, each at most once."""

    values: type[StrEnum]

    def read(self, raw: object, path: str) -> tuple[StrEnum, ...]:
        if not isinstance(raw, list):
            raise FieldError(path, f"must be a list of {', '.join(self.values)}, not {raw!r}")
        item = Choice(self.values)
        chosen = tuple(item.read(value, f"{path}[{i}]") for i, value in enumerate(raw))
        if len(set(chosen)) < len(chosen):
            raise FieldError(path, f"must name each at most once, not {raw!r}")
        return chosen


@dataclass(frozen=True, slots=True)
class Text:
    """A string that matches a pattern."""

    pattern: str
    example: str

    def read(self, raw: object, path: str) -> str:
        if not isinstance(raw, str) or not re.match(self.pattern, raw):
            raise FieldError(path, f"must be a string like {self.example!r}, not {raw!r}")
        return raw


@dataclass(frozen=True, slots=True)
class TimeZone:
    """A name of the IANA time zone database that this machine knows."""

    def read(self, raw: object, path: str) -> str:
        try:
            if not isinstance(raw, str) or not re.match(TIME_ZONE_PATTERN, raw):
                raise ValueError(raw)
            ZoneInfo(raw)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise FieldError(
                path, f'must be a time zone such as "UTC" or "Europe/Berlin", not {raw!r}'
            ) from None
        return raw


@dataclass(frozen=True, slots=True)
class TextList:
    """A list of strings that each match a pattern."""

    pattern: str
    example: str

    def read(self, raw: object, path: str) -> tuple[str, ...]:
        if not isinstance(raw, list):
            raise FieldError(path, f"must be a list of strings, not {raw!r}")
        item = Text(self.pattern, self.example)
        return tuple(item.read(value, f"{path}[{i}]") for i, value in enumerate(raw))


@dataclass(frozen=True, slots=True)
class Expression:
    """A regular expression, of a bounded length; an empty one stands for anything."""

    max_length: int

    def read(self, raw: object, path: str) -> str:
        if not isinstance(raw, str):
            raise FieldError(path, f"must be a string, not {raw!r}")
        if len(raw) > self.max_length:
            raise FieldError(path, f"must be at most {self.max_length} characters long")
        try:
            re.compile(raw)
        except (re.error, RecursionError) as error:
            raise FieldError(path, f"is no regular expression: {error}") from None
        return raw


@dataclass(frozen=True, slots=True)
class ExpressionMap:
    """Names, each with a regular expression."""

    max_length: int

    def read(self, raw: object, path: str) -> Mapping[str, str]:
        if not isinstance(raw, Mapping):
            raise FieldError(path, f"must be an object of strings, not {raw!r}")
        kind = Expression(self.max_length)
        return {str(name): kind.read(value, f"{path}.{name}") for name, value in raw.items()}


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as RFC 3339 with a zone, read into seconds since 1970."""

    def read(self, raw: object, path: str) -> float:
        try:
            moment = datetime.fromisoformat(raw)  # type: ignore[arg-type]  # a wrong type is caught
        except (TypeError, ValueError):
            moment = None
        if moment is None or moment.tzinfo is None:
            example = "2026-01-01T00:00:00Z"
            raise FieldError(path, f"must be a time with a zone, like {example!r}, not {raw!r}")
        return moment.timestamp()


@dataclass(frozen=True, slots=True)
class GroupList:
    """A list of objects, each declared by the dataclass `of`; `key` tells them apart."""

    of: type[Any]
    key: str = ""

    def read(self, raw: object, path: str) -> tuple[object, ...]:
        if not isinstance(raw, list):
            raise FieldError(path, f"must be a list of objects, not {raw!r}")
        items = tuple(read_group(self.of, item, f"{path}[{i}]") for i, item in enumerate(raw))
        keys = [getattr(item, self.key) for item in items] if self.key else []
        for i, key in enumerate(keys):
            if key in keys[:i]:
                raise FieldError(f"{path}[{i}].{camel(self.key)}", f"{key!r} is there twice")
        return items


@dataclass(frozen=True, slots=True)
class Group:
    """A nested object, declared by a dataclass of its own."""

    of: type[Any]

    def read(self, raw: object, path: str) -> object:
        return read_group(self.of, raw, path)


class InvalidConfig(ValueError):
    """A document that cannot be used; `errors` names every problem, not only the first."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = errors


def declare(kind: Kind, default: object) -> Any:
    """Declare a dataclass field of `kind`; `default` is written as a document would write it."""
    return dataclasses.field(
        default_factory=lambda: kind.read(default, "default"),
        metadata={"kind": kind, "default": default},
    )


def camel(name: str) -> str:
    """The document's name of a Python field: `min_samples` -> `minSamples`.

    A field's unit suffix stays in Python, where a float does not carry one.
    """
    head, *rest = name.removesuffix("_seconds").split("_")
    return head + "".join(part.capitalize() for part in rest)


T = TypeVar("T")


def read_group(of: type[T], raw: object, path: str) -> T:
    """Read an object into the dataclass `of`; absent fields take their defaults.

    Raises:
        InvalidConfig: with every problem found, unknown fields among them.
    """
    if not isinstance(raw, Mapping):
        raise InvalidConfig([FieldError(path or "document", f"must be an object, not {raw!r}")])
    errors: list[FieldError] = []
    values: dict[str, object] = {}
    known: set[str] = set()
    for field in dataclasses.fields(of):  # type: ignore[arg-type]  # T is a dataclass by contract
        name = camel(field.name)
        known.add(name)
        if name not in raw:
            continue
        try:
            values[field.name] = field.metadata["kind"].read(raw[name], _join(path, name))
        except FieldError as error:
            errors.append(error)
        except InvalidConfig as nested:
            errors.extend(nested.errors)
    errors.extend(
        FieldError(_join(path, str(name)), unknown_field(str(name), known))
        for name in raw
        if name not in known
    )
    if errors:
        raise InvalidConfig(errors)
    return of(**values)


def unknown_field(name: str, known: Collection[str]) -> str:
    """What to say of a field that does not exist: the one that was meant, or all there are."""
    import difflib  # only where somebody is wrong: pods do not keep it in memory

    by_lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.7)
    if close:
        return f"unknown field; did you mean {by_lower[close[0]]}?"
    return f"unknown field; known: {', '.join(sorted(known))}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
