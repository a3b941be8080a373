"""How a board is spread over its parts. Pure."""

import zlib
from typing import Final

MOST_PARTS: Final = 64


def part_of(player: str, parts: int) -> int:
    """The number of the part that has a player, for ever the same: 0 to below `parts`."""
    if parts == 1:
        return 0
    # Text that is no Unicode is refused later, by whoever looks at it more closely.
    return zlib.crc32(player.encode("utf-8", "surrogatepass")) % parts


def part_name(board: str, number: int) -> str:
    """What a part is called: no board can have such a name."""
    return f"{board}#{number}"
