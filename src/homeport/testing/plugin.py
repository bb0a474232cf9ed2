"""Fixtures for the tests of services."""
