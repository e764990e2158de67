"""How batches stand, when they end, and how that is shown."""
