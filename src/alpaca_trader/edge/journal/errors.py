"""What can be wrong with the journal. Both stop new risk; they differ in what a human does next."""

from alpaca_trader.core.errors import Fatal


class JournalUnwritable(Fatal):
    """An entry cannot be promised to survive: disk full, file locked or read-only, I/O error, entry not encodable."""


class JournalUnreadable(Fatal):
    """The file is damaged, foreign, incomplete or newer than this program. It is left exactly as it was found."""

    def __init__(self, what: str, advice: str = "") -> None:
        """``what`` is wrong, for a sentence of its own; ``advice`` follows it where nobody can go on."""
        super().__init__(what + advice)
        self.what = what
