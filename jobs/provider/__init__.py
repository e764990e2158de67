"""The one client of the provider's API, for the worker and for commands."""
