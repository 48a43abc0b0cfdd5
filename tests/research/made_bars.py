"""Made-up bars for tests of the store, as text and as Parquet."""

from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HEADER = "symbol,timestamp,open,high,low,close,volume,vwap,trade_count,session"
OPEN = datetime(2019, 2, 11, 14, 30, tzinfo=UTC)
"""The open of an ordinary winter session; 390 minutes later it closes."""


def session_table(
    symbol: str = "AAPL", first: datetime = OPEN, count: int = 390, price: float = 100.0, step_min: int = 1
) -> pd.DataFrame:
    """``count`` quiet minutes in our own columns, from ``first`` on."""
    drift = price + np.round(np.sin(np.arange(count) / 7), 2)
    return pd.DataFrame(
        {
            "symbol": symbol,
            "timestamp": pd.date_range(first, periods=count, freq=f"{step_min}min", unit="us"),
            "open": drift,
            "high": drift + 0.05,
            "low": drift - 0.05,
            "close": drift + 0.01,
            "volume": np.full(count, 1000.0),
            "vwap": drift,
            "trade_count": np.full(count, 12.0),
        }
    )


def nudged(table: pd.DataFrame, row: int, column: str, by: float) -> pd.DataFrame:
    """The table with one number changed."""
    values = table[column].to_numpy(copy=True)
    values[row] += by
    return table.assign(**{column: values})


def write_csv(folder: Path, text: str, name: str = "bars.csv") -> Path:
    """A CSV file of ``text``, lines as they are."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def rows_csv(folder: Path, *rows: str, header: str = HEADER) -> Path:
    """A CSV file of these rows under the header."""
    return write_csv(folder, "\n".join([header, *rows, ""]))


def table_csv(folder: Path, table: pd.DataFrame, name: str = "bars.csv", **how: Any) -> Path:
    """A CSV file of a table, every digit of it."""
    text = StringIO()
    table.to_csv(text, index=False, **how)
    return write_csv(folder, text.getvalue(), name)


def table_parquet(folder: Path, table: pd.DataFrame, name: str = "bars.parquet", **said: str) -> Path:
    """A Parquet file of a table; ``said`` stands in its footer."""
    made = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(said)
    pq.write_table(made, folder / name)
    return folder / name


def on(day: date, hour: int, minute: int = 0) -> datetime:
    """A time in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
