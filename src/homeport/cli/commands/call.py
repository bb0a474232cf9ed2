"""``homeport call``: call one method and print its bare JSON answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from homeport.cli import completion, options
from homeport.cli.parameters import argument, option

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.cli.terminal import Terminal
    from homeport.contracts.api import Contract, MethodContract
    from homeport.errors import BadArguments, RemoteError


class Order(NamedTuple):
    """The call a person asked for."""

    service: str
    method: str
    body: bytes
    given: Any
    timeout: float | None


def call(
    surroundings: Surroundings,
    target: Annotated[
        str,
        argument(metavar="SERVICE.METHOD", help="What to call, like cart.add.", complete=completion.methods),
    ],
    arguments: Annotated[
        str | None,
        argument(metavar="JSON", help="An object is arguments by name, an array by position, - reads stdin."),
    ] = None,
    timeout: Annotated[
        float | None,
        option(metavar="DURATION", parser=options.seconds, help="How long to wait, like 500ms or 5s."),
    ] = None,
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Call a method, print its answer as JSON.

    A stream prints one item a line, as they come.

    Examples:

      homeport call payment.process '{"payment": {"amount": 12}}'
      homeport call currency.convert '["EUR", 5]' --timeout 2s
      cat order.json | homeport call checkout.place -
    """
    from homeport.cli.asking import ask
    from homeport.cli.terminal import Terminal

    terminal = Terminal(json=as_json)
    order = _order(target, arguments, timeout)
    ask(surroundings, node, lambda client: _carry_out(client, order, terminal))


def _order(target: str, arguments: str | None, timeout: float | None) -> Order:
    from homeport.cli.errors import CommandError, ExitCode

    service, _, method = target.partition(".")
    if not service or "." in method or (not method and target.endswith(".")):
        raise CommandError(
            f"{target!r} does not name a method",
            exit_code=ExitCode.USAGE,
            kind="bad_target",
            next="homeport call SERVICE.METHOD, like `homeport call cart.add`",
        )
    body = sys.stdin.buffer.read() if arguments == "-" else (arguments or "[]").encode()
    body = body.strip() or b"[]"
    return Order(service.replace("-", "_"), method, body, _parse(body), timeout)


def _parse(body: bytes) -> Any:
    """The arguments as plain data; what is neither object nor array is left to be corrected by the contract.

    Raises:
        CommandError: ``body`` is not JSON.
    """
    import json

    from homeport.cli.errors import CommandError, ExitCode

    try:
        return json.loads(body)
    except ValueError as error:
        where = f" at character {error.pos + 1}: {error.msg}" if isinstance(error, json.JSONDecodeError) else ""
        raise CommandError(
            f"the arguments are not JSON{where}",
            exit_code=ExitCode.USAGE,
            kind="bad_json",
            next='put the JSON in single quotes, like \'{"user_id": "u1"}\', or give - and pipe it in',
        ) from None


async def _carry_out(client: Client, order: Order, terminal: Terminal) -> None:
    from homeport.cli.commands.services import look_up
    from homeport.errors import BadArguments, RemoteError, UnknownMethod

    summary, contract = await look_up(client, order.service)
    if not order.method:
        raise _which_method(order.service, contract, terminal)
    method = contract.method(order.method) if contract else None
    if contract is not None and method is None:
        raise UnknownMethod(order.service, order.method, summary.methods)
    if not isinstance(order.given, dict | list):
        error = BadArguments(
            f"arguments are a JSON object (by name) or array (by position), not {_json_kind(order.given)}"
        )
        raise _correct(error, order, contract, method, terminal)
    try:
        if method is not None and method.streams:
            async for item in client.stream_json(order.service, order.method, order.body, timeout=order.timeout):
                terminal.raw(bytes(item))
        else:
            answer = await client.call_json(order.service, order.method, order.body, timeout=order.timeout)
            _print_answer(terminal, bytes(answer))
    except BadArguments as error:
        raise _correct(error, order, contract, method, terminal) from None
    except RemoteError as error:
        raise await _with_source_places(error, client) from None


async def _with_source_places(error: RemoteError, client: Client) -> RemoteError:
    """The same error, its traceback naming the source files instead of their copies in the release."""
    from homeport.cli.findings import with_source_places

    status = await client.node.status()
    traceback = with_source_places(error.traceback, status.data, status.root)
    return type(error)(error.service, error.method, error.kind, error.message, traceback)


def _json_kind(value: Any) -> str:
    kinds = {bool: "true or false", str: "a string", int: "a number", float: "a number", type(None): "null"}
    return kinds[type(value)]


def _correct(
    error: BadArguments, order: Order, contract: Contract | None, method: MethodContract | None, terminal: Terminal
) -> Exception:
    """The same error with the command that would have fitted, if a contract tells."""
    from homeport.cli.correction import corrected_command
    from homeport.cli.errors import CommandError, ExitCode

    if contract is None or method is None:
        return error
    blank = terminal.symbols.ellipsis
    command = corrected_command(order.service, method, contract.definitions, order.given, blank=blank)
    return CommandError(
        str(error), exit_code=ExitCode.USAGE, kind="bad_arguments", next=command, fields={"command": command}
    )


def _which_method(service: str, contract: Contract | None, terminal: Terminal) -> Exception:
    from homeport.cli.correction import corrected_command
    from homeport.cli.errors import CommandError, ExitCode

    names = [method.name for method in contract.methods] if contract else []
    command = f"homeport services {service}"
    if contract and contract.methods:
        blank = terminal.symbols.ellipsis
        command = corrected_command(service, contract.methods[0], contract.definitions, None, blank=blank)
    return CommandError(
        f"say which method of {service!r} to call: {', '.join(names) or 'it has none'}",
        exit_code=ExitCode.USAGE,
        kind="no_method",
        next=command,
    )


def _print_answer(terminal: Terminal, answer: bytes) -> None:
    """As it came for programs; indented and coloured for a person when it would not fit one line."""
    if terminal.live and (len(answer) > terminal.out.width or terminal.out.color_system):
        import msgspec
        from rich.syntax import Syntax

        indented = len(answer) > terminal.out.width
        text = msgspec.json.format(answer, indent=2 if indented else 0).decode()
        highlighted = Syntax(text, "json", theme="ansi_dark", background_color="default").highlight(text)
        highlighted.rstrip()
        terminal.out.print(highlighted, soft_wrap=True)
    else:
        terminal.raw(answer)
