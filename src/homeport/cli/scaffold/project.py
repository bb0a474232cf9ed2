"""Writes a new project: a small one that runs, answers and passes its test at once."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template

TEMPLATES = {
    "homeport.toml": "homeport.toml.tmpl",
    "greetings.py": "greetings.py.tmpl",
    "visits.py": "visits.py.tmpl",
    "test_greetings.py": "test_greetings.py.tmpl",
    "README.md": "README.md.tmpl",
    ".gitignore": "gitignore.tmpl",
}


def write_project(folder: Path) -> list[Path]:
    """Create the project in ``folder``, named after it, and return the files.

    Raises:
        FileExistsError: the folder holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, template in TEMPLATES.items():
        text = files(__package__).joinpath("templates", template).read_text(encoding="utf-8")
        path = folder / name
        path.write_text(Template(text).substitute(name=folder.name), encoding="utf-8")
        written.append(path)
    return written
