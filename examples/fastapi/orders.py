"""An ordinary FastAPI app. All that is Homeport's is its lifespan, and the client that requests find in their state."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel

import homeport.asgi
from homeport import ServiceError

app = FastAPI(title="Orders", lifespan=homeport.asgi.lifespan(name="orders"))
taken: list[Order] = []


class Order(BaseModel):
    sku: str
    quantity: int = 1


@app.post("/orders", status_code=201)
async def place(order: Order, request: Request) -> dict[str, Any]:
    """Take an order, if there is enough in stock."""
    stock = request.state.homeport.service("stock")
    try:
        left = await stock.take(order.sku, order.quantity)
    except ServiceError as error:
        raise HTTPException(error.status, {"code": error.code, **error.fields}) from error
    taken.append(order)
    return {"number": len(taken), "left": left}


@app.get("/orders/{sku}")
async def ordered(sku: str) -> int:
    """How many pieces were ordered."""
    return sum(order.quantity for order in taken if order.sku == sku)
