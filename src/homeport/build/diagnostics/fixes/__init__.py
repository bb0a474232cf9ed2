"""Edits of the source that cannot change what it does."""
