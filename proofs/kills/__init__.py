"""Real ``kill -9`` of the real process, again and again, while the simulated exchange lives on (safety F33, F34).

``programme`` starts, kills and starts again (``life``), ``run`` runs it; ``witness`` hears what is said to the broker before
the broker does, and ``remains`` reads what the dead left on disk. The judge is that of the trials.
"""
