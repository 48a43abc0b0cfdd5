"""The auditor: reads a home's journal, logs and status and says whether what they tell keeps the rules (``verify``).

It reads entries as plain data and has a ledger of its own; it shares no code with what decides (``.importlinter`` holds
that). Offline and read-only, beside a running engine or long after it.
"""
