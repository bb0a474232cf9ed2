"""The same service over grpc.aio: ``serve SOCKET`` answers, ``call SOCKET`` is a client that is told what to do.

A generic handler with the codec that Homeport uses, so that transports are compared and not codecs.
"""

from __future__ import annotations

import asyncio
import sys

import grpc
import msgspec

from benchmarks.apps.echo.load import closed_loop
from benchmarks.apps.echo.orders import ORDER, Order, Receipt, receipt_for
from benchmarks.peers.lines import obey, say

METHOD = "/shop.Payments/Process"
encode = msgspec.msgpack.encode


async def process(order: Order, context: grpc.aio.ServicerContext) -> Receipt:
    return receipt_for(order)


async def serve(endpoint: str) -> None:
    handler = grpc.unary_unary_rpc_method_handler(
        process, request_deserializer=msgspec.msgpack.Decoder(Order).decode, response_serializer=encode
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Payments", {"Process": handler}),))
    server.add_insecure_port(endpoint)
    await server.start()
    say({"ready": True})
    await server.wait_for_termination()


async def call(endpoint: str) -> None:
    async with grpc.aio.insecure_channel(endpoint) as channel:
        process = channel.unary_unary(
            METHOD, request_serializer=encode, response_deserializer=msgspec.msgpack.Decoder(Receipt).decode
        )
        await process(ORDER, wait_for_ready=True)
        say({"ready": True})
        await obey(lambda in_flight, seconds: closed_loop(lambda: process(ORDER, timeout=30), in_flight, seconds))


if __name__ == "__main__":
    asyncio.run({"serve": serve, "call": call}[sys.argv[1]](sys.argv[2]))
