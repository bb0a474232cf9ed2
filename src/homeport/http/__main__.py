"""``python -m homeport.http SPEC.json``."""

from __future__ import annotations

from homeport.http.main import main

main()
