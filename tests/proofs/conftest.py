"""What the proofs' tests share."""

import pytest

from proofs.vfs import OK, Unavailable, witnessed


@pytest.fixture
def seen_sqlite() -> None:
    """Skips where the interpreter's SQLite hides its symbols."""
    try:
        with witnessed(lambda operation: OK):
            pass
    except Unavailable as reason:
        pytest.skip(str(reason))
