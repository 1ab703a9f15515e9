"""Keys of services: found in the environment or a keyring, and kept out of everything people read."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, quote_plus

from pycarbon.errors import IntensityError

KEYRING_SERVICE = "pycarbon"
ASK_KEYRING = "PYCARBON_KEYRING"
"""Set to 1 to have keys looked for in the system's keyring too, which may open a dialogue."""
HIDDEN = "***"
_WORD = 8


class Key:
    """A key and the variable it came from; only `reveal` gives it away.

    It has no equality, hash by value, pickle or copy that could carry the value elsewhere.
    """

    __slots__ = ("__value", "variable")

    def __init__(self, variable: str, value: str) -> None:
        """Raise IntensityError, without the value, where no key has such characters."""
        self.variable = variable
        self.__value = value.strip()
        if not self.__value or not self.__value.isprintable():
            raise IntensityError(f"{variable} is empty or has control characters: set it to the key alone")

    def reveal(self) -> str:
        """The key itself: for the request, and for nothing else."""
        return self.__value

    def __repr__(self) -> str:
        """Say where it is from."""
        return f"Key({self.variable}={HIDDEN})"

    def __str__(self) -> str:
        """Hide it in formatted text."""
        return HIDDEN

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to be pickled: pickles end in files."""
        raise TypeError("a key is not written anywhere")


def find(title: str, variables: Sequence[str], environ: Mapping[str, str]) -> Key:
    """The key of a service: the first of `variables` that is set, else the keyring's entry of such a name.

    The keyring is asked only with PYCARBON_KEYRING=1 and where the package `keyring` is there; its
    service name is `pycarbon`, the user name the variable's. Raises IntensityError with what to set.
    """
    for variable in variables:
        if environ.get(variable, "").strip():
            return Key(variable, environ[variable])
    if environ.get(ASK_KEYRING) == "1":
        for variable in variables:
            value = _from_keyring(variable)
            if value:
                return Key(variable, value)
    raise IntensityError(f"{title} needs a key: set {' or '.join(variables)}")


def _from_keyring(variable: str) -> str | None:
    """What the keyring has, None where it has nothing, is locked or is not installed."""
    try:
        import keyring  # optional, and slow to import
    except ImportError:
        return None
    try:
        found: str | None = keyring.get_password(KEYRING_SERVICE, variable)
        return found
    except Exception:
        # Back ends raise errors of their own kinds; all mean that there is no key to be had.
        return None


def scrub(text: str, keys: Iterable[Key]) -> str:
    """`text` in one printable line without any of the keys, also not quoted, escaped or in Base64."""
    line = "".join(letter if letter.isprintable() else " " for letter in _without(text, _forms(keys)))
    return " ".join(line.split())


def hide(text: str, keys: Iterable[Key]) -> str:
    """`text` with its lines as they are, and without the keys that a server may have echoed.

    Keys of less than eight letters stay: they may be words of the answer.
    """
    return _without(text, {form for form in _forms(keys) if len(form) >= _WORD})


def _forms(keys: Iterable[Key]) -> set[str]:
    """The keys as they may be written in an address, in JSON, in Python or in a header."""
    values = {key.reveal() for key in keys}
    values |= {value.removeprefix("Bearer ") for value in values}
    forms = set(values)
    for value in values:
        forms |= {quote(value, safe=""), quote(value), quote_plus(value), json.dumps(value)[1:-1], repr(value)[1:-1]}
        forms.add(base64.b64encode(value.encode()).decode())
    return forms | {base64.b64encode(f"{user}:{secret}".encode()).decode() for user in values for secret in values}


def _without(text: str, forms: Iterable[str]) -> str:
    # The longest first: one key may be the beginning of another, or of its own escaped form.
    for form in sorted(forms, key=len, reverse=True):
        text = re.sub(re.escape(form), HIDDEN, text, flags=re.IGNORECASE)
    return text
