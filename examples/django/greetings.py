"""The service that the Django site asks."""

from __future__ import annotations

from homeport import service


@service
class Greetings:
    """Greets people, and remembers how many."""

    def __init__(self) -> None:
        self.greeted = 0

    async def greet(self, name: str) -> dict[str, str | int]:
        """A greeting, and how many there have been."""
        self.greeted += 1
        return {"text": f"Hello, {name}!", "greeted": self.greeted}
