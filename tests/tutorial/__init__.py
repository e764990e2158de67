"""The tutorial of the documentation, run as it is written."""
