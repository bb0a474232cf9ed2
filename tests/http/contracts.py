"""Contracts of services that the tests speak of."""

from __future__ import annotations

from homeport.contracts.api import Contract, ErrorContract, MethodContract, Parameter

PAYMENTS = Contract(
    service="payments",
    doc="Charges cards.",
    fingerprint="aaaaaaaaaaaaaaaa",
    definitions={
        "Payment": {
            "type": "object",
            "title": "Payment",
            "properties": {"card": {"type": "string"}, "amount": {"type": "number", "minimum": 0}},
            "required": ["card", "amount"],
        }
    },
    methods=(
        MethodContract(
            name="process",
            doc="Charge a card.\n\nOnce and for all.",
            parameters=(
                Parameter(name="payment", schema={"$ref": "#/$defs/Payment"}),
                Parameter(name="note", schema={"type": "string", "default": ""}, required=False),
            ),
            result={"type": "boolean"},
            raises=(
                ErrorContract(
                    code="card_declined",
                    key="shop:CardDeclined",
                    status=402,
                    schema={"type": "object", "properties": {"reason": {"type": "string"}}},
                ),
            ),
        ),
        MethodContract(
            name="ticks",
            parameters=(Parameter(name="count", schema={"type": "integer"}),),
            result={"type": "integer"},
            streams=True,
        ),
        MethodContract(name="rate", result={"$ref": "#/$defs/Payment"}, idempotent=True, public=True),
    ),
)
