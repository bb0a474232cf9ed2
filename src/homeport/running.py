"""``homeport.run()``: the command ``homeport run`` for a file that an IDE starts."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any


def run(target: str | Path | ModuleType | type | None = None, **options: Any) -> None:
    """Run the services of ``target`` in the foreground until Ctrl-C, then end the program.

    ``target`` is what the command takes (``"examples/boutique"``, ``"shop.cart"``, ``"orders:app"``), or a module or a
    class; without it, the folder of the calling file. ``options`` are those of the command, in snake_case:
    ``run(reload=True, port=8080)``.

    Raises:
        SystemExit: always, with the command's exit code, so that nothing after the call runs twice by mistake.
    """
    from homeport.cli.foreground.launch import RunOptions
    from homeport.cli.foreground.start import start
    from homeport.cli.main import told
    from homeport.cli.surroundings import Surroundings
    from homeport.errors import UsageError

    unknown = sorted(set(options) - set(RunOptions.__struct_fields__) - {"target"})
    if unknown:
        known = ", ".join(field for field in RunOptions.__struct_fields__ if field != "target")
        raise UsageError(f"homeport.run() has no option {', '.join(unknown)}; it has {known}")
    text = _target(target, inspect.currentframe())
    surroundings = Surroundings()
    sys.exit(told(lambda: start(RunOptions(target=text, **options), surroundings), surroundings))


def _target(target: str | Path | ModuleType | type | None, frame: FrameType | None) -> str:
    """The command's spelling; paths, because an IDE's working folder may be anywhere."""
    if isinstance(target, ModuleType):
        return _file_of(target) or target.__name__
    if isinstance(target, type):
        file = _file_of(sys.modules.get(target.__module__))
        return f"{file or target.__module__}:{target.__qualname__}"
    if target is not None:
        return str(target)
    caller = frame.f_back if frame is not None else None
    started: str | None = caller.f_globals.get("__file__") if caller is not None else None
    return str(Path(started).resolve().parent) if started else "."


def _file_of(module: ModuleType | None) -> str:
    file = getattr(module, "__file__", None)
    if not file:
        return ""
    path = Path(file).resolve()
    return str(path.parent if path.name == "__init__.py" else path)
