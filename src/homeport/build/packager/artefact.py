"""Builds an artefact from a plan: one file that runs, and what tells of it beside."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

import homeport
from homeport.build.diagnostics.finding import Finding
from homeport.build.files import REGISTRY_SUFFIX, SBOM_SUFFIX
from homeport.build.generator.registry import built_registry, source_digest
from homeport.build.packager.contents import Contents, contents_of
from homeport.build.packager.environment import Environment
from homeport.build.packager.project import Project
from homeport.build.packager.revision import source_revision, source_time
from homeport.build.packager.sbom import bill_of_materials
from homeport.build.packager.settings import embedded_settings
from homeport.build.packager.site import PackagingFailed, compile_all, digest_of, lay_out, write_own
from homeport.build.plan import Plan
from homeport.build.reflection import Reflection
from homeport.packaged import FOLDER, MANIFEST, READABLE, REGISTRY, SBOM, Manifest, this_abi


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be built, and how."""

    plan: Plan
    project: Project
    folder: Path  # that the artefact and what tells of it are written to
    reflection: Reflection | None = None  # None: contracts are found out by the first worker
    settings: Path | None = None  # the settings file of the application
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    binary: bool = False
    shebang: str = ""
    time: int = 0  # seconds since 1970, for the bill of materials; 0: of the last commit


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What was made."""

    file: Path
    size_bytes: int
    sha256: str
    registry: Path  # the readable one
    sbom: Path
    manifest: Manifest
    distributions: tuple[str, ...]
    files: int  # of the application


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known before anything is written."""

    order: Order
    contents: Contents
    findings: tuple[Finding, ...]


Say = Callable[[str], None]
"""Is told what goes on, a few words at a time."""


def prepare(order: Order, environment: Environment) -> Prepared:
    """Find out what goes in; ``findings`` with errors mean that it would not run."""
    contents = contents_of(
        order.plan,
        environment,
        project=order.project.folder,
        include=order.include,
        exclude=order.exclude,
        leave_out=[order.folder],
        only_reached=order.binary,
    )
    settings = embedded_settings(order.settings)
    return Prepared(order=order, contents=contents, findings=(*contents.findings, *settings.findings))


def build(prepared: Prepared, environment: Environment, say: Say = lambda _: None) -> Built:
    """Make the artefact.

    Raises:
        PackagingFailed: a tool is missing or refuses, or a file cannot be copied.
    """
    order, contents = prepared.order, prepared.contents
    try:
        order.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PackagingFailed(
            f"cannot write to {order.folder}: {error.strerror}; name another folder with -o"
        ) from error
    with tempfile.TemporaryDirectory(prefix="homeport-build-") as made:
        site = Path(made, "site")
        say(f"copying {len(contents.files)} files and {len(contents.distributions)} distributions")
        lay_out(site, contents, environment)
        manifest = _fill(site, prepared, environment)
        say("compiling")
        compile_all(site)
        fresh = Path(made, manifest.name)
        say("packing")
        if order.binary:
            from homeport.build.packager.binary import make_binary

            foreign = environment.modules_outside(contents.distributions)
            make_binary(site, fresh, manifest, contents, foreign, Path(made, "work"))
        else:
            from homeport.build.packager.zipapp import make_zipapp

            make_zipapp(site, fresh, kept=manifest.version_folder, shebang=order.shebang)
        return _deliver(order.folder, fresh, site / FOLDER, manifest, contents)


def _fill(site: Path, prepared: Prepared, environment: Environment) -> Manifest:
    """Write registry, bill, settings and manifest into the application's folder; the manifest says what all come to."""
    order = prepared.order
    registry = built_registry(order.plan, order.reflection, source_digest(order.plan))
    settings = embedded_settings(order.settings)
    write_own(site, {REGISTRY: registry.to_bytes(), READABLE: registry.to_json().encode(), **settings.files})
    revision = source_revision(Path(order.plan.root))
    manifest = Manifest(
        name=order.project.name,
        version=order.project.version,
        revision=revision,
        homeport=homeport.__version__,
        python=".".join(map(str, _python())),
        abi=this_abi(),
        kind="binary" if order.binary else "zipapp",
        services=tuple(service.name for service in order.plan.services),
        settings=next(iter(settings.files), ""),
    )
    # What it says of itself is part of what the digest stands for: another version of the same files is another.
    write_own(site, {MANIFEST: msgspec.json.encode(manifest)})
    manifest = msgspec.structs.replace(manifest, digest=digest_of(site))
    seconds = order.time or source_time(Path(order.plan.root))
    bill = bill_of_materials(manifest, prepared.contents.distributions, environment, seconds)
    write_own(site, {MANIFEST: msgspec.json.encode(manifest), SBOM: bill.encode()})
    return manifest


def _deliver(folder: Path, fresh: Path, own: Path, manifest: Manifest, contents: Contents) -> Built:
    name = manifest.name
    digest = hashlib.sha256(fresh.read_bytes()).hexdigest()
    registry, sbom = folder / f"{name}{REGISTRY_SUFFIX}", folder / f"{name}{SBOM_SUFFIX}"
    _replace(registry, (own / READABLE).read_bytes())
    _replace(sbom, (own / SBOM).read_bytes())
    _replace(folder / f"{name}.sha256", f"{digest}  {name}\n".encode())
    content = fresh.read_bytes()
    _replace(folder / name, content, mode=0o755)
    return Built(
        file=folder / name,
        size_bytes=len(content),
        sha256=digest,
        registry=registry,
        sbom=sbom,
        manifest=manifest,
        distributions=contents.distributions,
        files=len(contents.files),
    )


def _replace(path: Path, content: bytes, mode: int = 0o644) -> None:
    """At once: one that runs meanwhile keeps the file it was started from."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.chmod(mode)
    fresh.replace(path)


def _python() -> Sequence[int]:
    import sys

    return sys.version_info[:2]
