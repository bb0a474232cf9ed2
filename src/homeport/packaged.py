"""What a packaged application carries beside its libraries, and where it has it."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from pathlib import Path

import msgspec

import homeport
from homeport.errors import UsageError
from homeport.program import PART, Program

FOLDER = "homeport_app"
"""Beside the package ``homeport`` in an artefact; holds all that follows."""

MANIFEST, REGISTRY, READABLE, SBOM, APP = "manifest.json", "registry.bin", "registry.json", "sbom.json", "app"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an artefact says of itself."""

    name: str
    version: str = ""
    revision: str = ""  # of the source: "v1.2-3-gab12cd3-dirty"
    digest: str = ""  # of everything inside but this and what is compiled from it
    homeport: str = ""
    python: str = ""  # "3.11"
    abi: str = ""  # what its compiled libraries fit: "cpython-311-x86_64-linux-gnu"
    kind: str = "zipapp"  # zipapp, binary
    services: tuple[str, ...] = ()
    settings: str = ""  # name of the settings file inside

    @property
    def version_folder(self) -> str:
        """The name of the folder that it unpacks itself into: another one for other contents."""
        return f"{self.name}-{self.digest[:16]}"


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A packaged application, unpacked at ``folder``."""

    folder: Path
    manifest: Manifest

    @property
    def root(self) -> Path:
        """The import root of the application's code."""
        return self.folder / APP

    @property
    def registry(self) -> Path:
        return self.folder / REGISTRY

    @property
    def settings(self) -> Path | None:
        """The settings it was built with."""
        return self.folder / self.manifest.settings if self.manifest.settings else None

    @property
    def release(self) -> str:
        """The id of the release that it is."""
        return hashlib.blake2b(self.manifest.digest.encode(), digest_size=6).hexdigest()


def this_abi() -> str:
    """What compiled libraries must fit to be loaded here."""
    return str(sysconfig.get_config_var("SOABI") or f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}")


def own_package_folder() -> Path:
    """Where this program has its application, if it is a packaged one."""
    return Path(homeport.__file__).parents[1] / FOLDER


def is_package(folder: Path) -> bool:
    return folder.name == FOLDER and (folder / MANIFEST).is_file()


def read_package(folder: Path) -> Package:
    """The packaged application at ``folder``.

    Raises:
        UsageError: there is none, or not all of it.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{folder} holds no packaged application that can be read ({error}); remove it, and start the file again"
        ) from error
    return Package(folder=folder, manifest=manifest)


def program_of(package: Package) -> Program:
    """What starts processes with the libraries of an unpacked package, whichever program this one is."""
    beside = package.folder.parent  # site-packages of a virtual environment, or the folder of an executable's parts
    if package.manifest.kind == "binary":
        return (str(beside.parent / package.manifest.name), PART)
    return (str(beside.parents[2] / "bin" / "python"), "-P", "-m")
