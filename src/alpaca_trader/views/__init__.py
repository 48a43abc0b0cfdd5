"""Shows what happened: report and pages.

Reads the journal and the status file, never the engine.
"""
