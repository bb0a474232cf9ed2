"""How findings are written: for people, editors, and the tools of others."""
