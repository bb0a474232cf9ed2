"""The rules, one module for each hundred of codes."""
