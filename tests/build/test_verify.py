"""What reading the source says is held against what importing it shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.build.application import scan
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import Plan
from homeport.build.verify import reflect_all, verify

Scan = Callable[..., Plan]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def verified(scan_app: Scan) -> Callable[..., tuple[Finding, ...]]:
    def verify_app(files: dict[str, str], target: str = ".") -> tuple[Finding, ...]:
        plan = scan_app(files, target)
        return verify(plan, reflect_all(plan))

    return verify_app


@pytest.mark.parametrize("example", ["boutique", "fastapi", "seed"])
def test_the_examples_are_what_they_seem(example: str) -> None:
    plan = scan(str(EXAMPLES / example), EXAMPLES)
    assert verify(plan, reflect_all(plan)) == ()


def test_a_service_that_is_made_while_importing_is_found(verified: Callable[..., tuple[Finding, ...]]) -> None:
    (found,) = verified(
        {
            "shop.py": """
                from homeport import service

                @service
                class Stock:
                    async def count(self): ...
            """,
            "made.py": """
                from homeport import service

                def make(name):
                    class Made:
                        async def count(self): ...
                    return service(name=name)(Made)

                north = make("north")
            """,
        }
    )
    assert (found.code, found.severity, found.path) == ("HP701", "error", "made.py")
    assert "make.<locals>.Made is the service 'north' once imported" in found.message


def test_what_a_metaclass_or_decorator_changes_is_found(verified: Callable[..., tuple[Finding, ...]]) -> None:
    found = verified(
        {
            "shop.py": """
                from homeport import service, dependency
                import homeport.authoring.service as authoring

                def twice(cls):
                    options = authoring.options_of(cls)
                    cls.__homeport_service__ = authoring.ServiceOptions(name=options.name, replicas=2)
                    cls.stock = dependency()
                    return cls

                @twice
                @service
                class Cart:
                    async def add(self): ...
            """
        }
    )
    messages = [one.message for one in found if one.code == "HP702"]
    assert any("replicas is 2 once imported and 1 in the registry" in message for message in messages)


def test_modules_that_cannot_be_imported_leave_a_question(verified: Callable[..., tuple[Finding, ...]]) -> None:
    (found,) = verified(
        {
            "shop.py": "from homeport import service\n@service\nclass Stock:\n    async def count(self): ...\n",
            "broken.py": "raise RuntimeError('not on this machine')\n",
            "setup.py": "raise SystemExit('never imported')\n",
        }
    )
    assert (found.code, found.severity, found.path) == ("HP703", "warning", "broken.py")
    assert "not on this machine" in found.message


def test_asking_for_one_class_says_nothing_of_others(verified: Callable[..., tuple[Finding, ...]]) -> None:
    files = {
        "shop.py": """
            from homeport import service

            @service
            class Stock:
                async def count(self): ...

            @service
            class Cart:
                async def add(self): ...
        """
    }
    assert verified(files, "shop:Cart") == ()


def test_methods_that_importing_changes_leave_a_warning(verified: Callable[..., tuple[Finding, ...]]) -> None:
    found = verified(
        {
            "shop.py": """
                from homeport import service

                def without_remove(cls):
                    del cls.remove
                    async def add(self, item, count): ...
                    cls.add = add
                    return cls

                @without_remove
                @service
                class Cart:
                    async def add(self, item): ...
                    async def remove(self, item): ...
            """
        }
    )
    assert {(one.code, one.severity) for one in found} == {("HP702", "warning")}
    assert [one.message.partition(": ")[2] for one in found] == [
        "add takes (item, count) once imported and (item) in the source",
        "only the source has the method remove",
    ]
