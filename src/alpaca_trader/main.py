"""The composition root: builds a wiring of clock, feed, broker and journal, and decides nothing."""
