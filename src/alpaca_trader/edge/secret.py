"""A text that is never shown: not by print, repr, format, a traceback with locals, pickle or a debugger's vars()."""

import hmac
from typing import NoReturn, Self, final

HIDDEN = "Secret(hidden)"


@final
class Secret:
    """Holds a credential. Only ``reveal()`` gives the text; every other way out says ``Secret(hidden)`` or raises."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Call it as an argument, where it is used, and keep no copy."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not written anywhere, so it cannot be pickled")
