"""The SQLite journal: intents, events, trades and config history, written before anybody hears of them.

One writer (``Journal``); every other room reads it (``JournalReader``). ``MemoryJournal`` stands in where no disk is
wanted; ``verify`` says whether a file is whole.
"""
