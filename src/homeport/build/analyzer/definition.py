"""What to say of a service that is not well defined."""

from __future__ import annotations

from homeport.authoring.naming import checked_name, service_name
from homeport.build.linker.markers import Marking
from homeport.errors import DefinitionError

NO_METHODS_HINT = (
    "add a public `async def`, or mark a `def` with @method (startup, shutdown and health are hooks, names with an "
    "underscore are private)"
)


def no_methods(qualname: str) -> str:
    """What to say of a service that has nothing to call."""
    return f"class {qualname} has no methods to serve"


def fact_and_way_out(error: DefinitionError) -> tuple[str, str]:
    """The message of an error and its hint: our errors say what is wrong, and then, after a semicolon, what to do."""
    fact, _, way_out = str(error).partition("; ")
    return fact, way_out


def option_code(class_name: str, marking: Marking) -> str:
    """The rule that a wrong ``@service(...)`` breaks."""
    if marking.problem is not None:
        return marking.problem.code
    name = marking.options.get("name")
    try:
        if name is None:
            service_name(class_name)
        else:
            checked_name(name, origin="")
    except DefinitionError:
        return "HP103"
    return "HP102"
