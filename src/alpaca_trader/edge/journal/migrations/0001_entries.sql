-- The record: every event and action in order. All other tables below are derived from it and can be made again.
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    client_order_id TEXT,
    payload TEXT NOT NULL,
    chain BLOB NOT NULL
) STRICT;
CREATE INDEX entries_by_kind ON entries (kind);
CREATE INDEX entries_by_order ON entries (client_order_id) WHERE client_order_id IS NOT NULL;

-- Whose journal this is: mode, account_id, opened (how often).
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

-- Entries from first_seq on were written by this version of the code.
CREATE TABLE versions (first_seq INTEGER PRIMARY KEY, code_version TEXT NOT NULL) STRICT;

-- Orders we decided to send, once per client order id, for ever. Decimals as text.
CREATE TABLE intents (
    client_order_id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    episode_id TEXT NOT NULL,
    role TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    qty TEXT NOT NULL,
    type TEXT NOT NULL,
    limit_price TEXT,
    stop_price TEXT,
    strategy TEXT NOT NULL,
    decided_at TEXT NOT NULL,
    config_rev TEXT NOT NULL,
    reason TEXT NOT NULL,
    replaces TEXT
) STRICT;

-- What became of each evaluation; the gates with their numbers are in the entry's payload.
CREATE TABLE decisions (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    symbol TEXT NOT NULL,
    strategy TEXT NOT NULL,
    bar_start TEXT NOT NULL,
    code TEXT NOT NULL,
    verdict TEXT NOT NULL,
    client_order_id TEXT
) STRICT;
CREATE INDEX decisions_by_bar ON decisions (symbol, bar_start);
CREATE INDEX decisions_by_order ON decisions (client_order_id) WHERE client_order_id IS NOT NULL;

-- One row per position episode; the first eleven columns are the design document's. seq names the entry with the exact
-- decimals. While a trade is pending (or ended as rejected or canceled) nothing was bought: entry_price is then the
-- price the signal was decided at, and qty what was ordered.
CREATE TABLE trades (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    qty REAL NOT NULL,
    entry_price REAL NOT NULL,
    exit_price REAL,
    pnl REAL,
    strategy TEXT NOT NULL,
    status TEXT NOT NULL,
    order_id TEXT,
    episode_id TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    fees REAL NOT NULL,
    exit_reason TEXT,
    signal_price REAL,
    entry_slip_bps REAL,
    exit_slip_bps REAL,
    mae_pct REAL,
    mfe_pct REAL,
    initial_stop REAL,
    r_multiple REAL,
    config_rev TEXT NOT NULL,
    opened_at TEXT,
    closed_at TEXT
) STRICT;

-- Settings that came into force; a row only where they differ from the row before.
CREATE TABLE config_history (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    rev TEXT NOT NULL,
    parent TEXT,
    content TEXT NOT NULL,
    policy TEXT NOT NULL
) STRICT;

-- One row per session: its summary as JSON.
CREATE TABLE days (day TEXT PRIMARY KEY, seq INTEGER NOT NULL, at TEXT NOT NULL, summary TEXT NOT NULL) STRICT;

-- The account's last reading of each minute, USD. Long only: what is not cash is exposure.
CREATE TABLE equity (
    minute TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    equity REAL NOT NULL,
    cash REAL NOT NULL,
    exposure REAL NOT NULL
) STRICT;
