"""The client matrix: real Alpaca clients, unmodified, against the simulator. `make clients` plays it; see README.md here."""
