"""Times as the API writes and reads them: RFC 3339, UTC on the way out."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


@lru_cache(maxsize=4096)
def parse_time(text: str) -> datetime:
    """An aware time, to the microsecond. Raises ValueError, with the reason."""
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError("Not a time with an offset, such as 2026-11-22T10:15:00Z.")
    day, clock, fraction, _zulu, sign, hours, minutes = match.groups()
    if sign is not None and (int(hours) > 23 or int(minutes) > 59):
        raise ValueError(f"No such offset: {text}.")
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        local = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0').ljust(6, '0')[:6]}").replace(tzinfo=UTC)
        return local - offset if sign == "+" else local + offset
    except (ValueError, OverflowError) as error:
        raise ValueError(f"No such time: {text}.") from error


def format_time(at: datetime) -> str:
    """The time in UTC, with a fraction only where there is one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
