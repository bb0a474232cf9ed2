"""What pictures of a service graph say in words."""

from __future__ import annotations

from homeport.build.analyzer.graph import GraphService, ServiceGraph

# Widths of letters in thousandths of the font's size, about as in Helvetica.
_WIDTHS = dict.fromkeys("fijltI.,:;'|![]()/ -r", 305) | dict.fromkeys("mwMWABCDEGHKNOPQRSUVXY@%…", 735)
_OTHER_FONTS = 1.1  # other fonts than Helvetica are a little wider


def text_width(text: str, size: float) -> float:
    """About how wide a text is in a usual sans-serif font, rather too much than too little."""
    return sum(_WIDTHS.get(letter, 560 if letter.isascii() else 900) for letter in text) * size / 1000 * _OTHER_FONTS


def shortened(name: str, longest: int) -> str:
    """A name with its middle left out where it is too long; both ends tell names apart."""
    if len(name) <= longest:
        return name
    tail = longest // 2 - 1
    return f"{name[: longest - tail - 1]}…{name[-tail:]}"


def headline(graph: ServiceGraph) -> str:
    """The whole graph in one line."""
    present = [service for service in graph.services if service.kind != "missing"]
    parts = [_count(len(present), "service"), _count(len(graph.calls), "dependency", "dependencies")]
    if len(graph.start_order) > 1:
        parts.append(f"start in {len(graph.start_order)} steps")
    if graph.cycles:
        parts.append(_count(len(graph.cycles), "cycle"))
    if missing := len(graph.services) - len(present):
        parts.append(f"{missing} not in the application")
    return " · ".join(parts)


def facts(service: GraphService) -> str:
    """The few words under a service's name."""
    if service.kind == "missing":
        return "not here"
    parts = ["ASGI app"] * (service.kind == "asgi") + ["outside"] * (service.kind == "outside")
    parts += ["singleton"] * service.singleton + ["isolated"] * (service.isolated and not service.singleton)
    parts += ["public"] * service.public
    if service.replicas != 1:
        parts.append(f"×{service.replicas}")
    if service.needed_by:
        parts.append(f"needed by {service.needed_by}")
    elif service.entry and not parts:
        parts.append("entry point")
    if service.state not in ("", "active"):
        parts.insert(0, service.state)
    return " · ".join(parts)


def story(service: GraphService) -> str:
    """What there is to say of a service, in lines."""
    lines = [f"{service.name}: {facts(service)}" if facts(service) else service.name]
    if service.kind == "missing":
        return f"{service.name} is called, and is not in this application; it may be registered from outside"
    if service.path:
        lines.append(f"{service.path}:{service.line}")
    if service.group:
        lines.append(f"shares the worker {service.group!r}")
    if service.callers:
        lines.append(f"{_count(service.callers, 'service')} call{'s' if service.callers == 1 else ''} it")
    if service.needed_by:
        lines.append(f"without it {_count(service.needed_by, 'service')} cannot work")
    if service.on_every_path:
        lines.append("every entry point needs it")
    return "\n".join(lines)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
