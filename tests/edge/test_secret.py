"""A secret has one way out."""

import copy
import pickle
import traceback

import pytest

from alpaca_trader.edge.secret import Secret

TEXT = "PKCANARY7Q2X9KEYID44"
SECRET = Secret(TEXT)


@pytest.mark.parametrize(
    "shown",
    [repr(SECRET), str(SECRET), f"{SECRET}", f"{SECRET:>40}", f"{SECRET!r}", str([SECRET]), str({"key": SECRET})],
)
def test_no_way_of_printing_shows_it(shown: str) -> None:
    """Whatever formats a secret, inside a container or not, shows that there is one and not what it is."""
    assert "Secret(hidden)" in shown
    assert TEXT[:8] not in shown


def test_a_traceback_with_locals_does_not_show_it() -> None:
    """The worst logger prints every local variable."""
    secret = Secret(TEXT)
    try:
        raise ValueError(f"about {secret}")
    except ValueError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "Secret(hidden)" in text
    assert TEXT[:8] not in text.replace('TEXT = "', "")


def test_it_is_not_written_anywhere() -> None:
    """Pickle, the way into caches and other processes, is closed; there is no dictionary to look into."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(SECRET)
    assert not hasattr(SECRET, "__dict__")


def test_it_compares_and_copies_like_a_value() -> None:
    """Two secrets of one text are equal; a text is not equal to its secret; a copy needs no second secret."""
    assert Secret(TEXT) == SECRET
    assert Secret("other") != SECRET
    assert SECRET != TEXT
    assert len({SECRET, Secret(TEXT)}) == 1
    assert copy.deepcopy(SECRET) is SECRET
    assert copy.copy(SECRET) is SECRET
    assert SECRET.reveal() == TEXT
