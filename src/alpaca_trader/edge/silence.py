"""Libraries that log by themselves: what they say reaches neither the terminal nor the supervisor's files, which nothing bounds."""

import logging


def silent_logger(name: str) -> logging.Logger:
    """A logger that writes nowhere by itself, whatever the process's log settings are."""
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger
