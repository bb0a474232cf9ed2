"""What the scan says of an application is what importing it shows."""

from __future__ import annotations

from textwrap import dedent

from differential import disagreements

BODY = "    async def go(self): ...\n"


def test_an_application_that_both_read_alike_shows_no_disagreement() -> None:
    files = {
        "shop/__init__.py": "",
        "shop/payments.py": f"from homeport import service\n@service(replicas=2)\nclass Payments:\n{BODY}",
        "shop/cart.py": dedent("""
            from homeport import service
            from shop.payments import Payments

            @service
            class Cart:
                pay: Payments
                async def buy(self):
                    await self.stock.take()
        """),
    }
    assert disagreements(files) == []


def test_a_service_that_nobody_mentions_is_a_disagreement() -> None:
    source = f"import homeport\nmark = vars(homeport.authoring.service)\n@mark['service']\nclass A:\n{BODY}"
    found = disagreements({"a.py": source, "b.py": f"from homeport import service\n@service\nclass B:\n{BODY}"})
    assert len(found) == 1
    assert found[0].startswith("a:A: importing shows this service")


def test_a_class_that_import_refuses_and_the_scan_does_not_is_a_disagreement() -> None:
    source = f"from homeport import service\nm = __import__('homeport').service\n@m(replicas=-1)\nclass A:\n{BODY}"
    found = disagreements({"a.py": source, "b.py": f"from homeport import service\n@service\nclass B:\n{BODY}"})
    assert len(found) == 1
    assert "but the scan finds no error" in found[0]
