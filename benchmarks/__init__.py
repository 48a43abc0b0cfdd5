"""How fast, and against what: each file measures one thing and a plain baseline in the same run. No figure fails anything."""
