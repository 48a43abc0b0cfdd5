"""Long programmes that prove what the engine promises; `make simulate` runs them, short forms are in the test suite."""
