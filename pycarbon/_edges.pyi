from typing import Any

from numpy.typing import NDArray

def decode(
    data: bytes, count: int, tick_ns: int, first_ns: int, last_ns: int, places: list[NDArray[Any] | None]
) -> bool: ...
