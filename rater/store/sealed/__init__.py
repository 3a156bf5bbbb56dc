"""The sealed database: which completion came from which arm, and the key to the published items."""
