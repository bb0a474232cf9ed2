"""The software bill of materials: what an artefact holds, as CycloneDX JSON."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from importlib.metadata import Distribution
from typing import TYPE_CHECKING

from homeport.build.packager.environment import Environment
from homeport.build.packager.requirements import direct
from homeport.packaged import Manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cyclonedx.model.component import Component

_NAMESPACE = uuid.UUID("6f1c7c5e-2a0b-5d39-9d3e-0a4b1f6f6a10")


def bill_of_materials(
    manifest: Manifest, distributions: Sequence[str], environment: Environment, seconds: int = 0
) -> str:
    """CycloneDX 1.6 in JSON: the application, each distribution with its licence, and who requires whom.

    Equal contents give equal text; ``seconds`` since 1970 is its time, 0 leaves that out.
    """
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    application = Component(
        name=manifest.name,
        version=manifest.version or manifest.revision or None,
        type=ComponentType.APPLICATION,
        bom_ref=f"application:{manifest.name}",
    )
    parts = {name: part for name in distributions if (part := _component(name, environment)) is not None}
    described = "\n".join([manifest.name, manifest.digest, *(f"{name} {part.version}" for name, part in parts.items())])
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, described), components=parts.values())
    bom.metadata.component = application
    # The schema can do without a time; the library's annotation cannot.
    bom.metadata.timestamp = datetime.fromtimestamp(seconds, UTC) if seconds else None  # type: ignore[assignment]
    for name, part in parts.items():
        needs = [parts[other] for other in direct(name, environment.find) if other in parts and other != name]
        bom.register_dependency(part, needs)
    bom.register_dependency(application, parts.values())
    return str(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)) + "\n"


def _component(name: str, environment: Environment) -> Component | None:
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    found = environment.distribution(name)
    if found is None:
        return None
    licences = LicenseFactory()
    return Component(
        name=found.metadata["Name"],
        version=found.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"pypi:{name}",
        purl=PackageURL(type="pypi", name=name, version=found.version),
        description=_field(found, "Summary") or None,
        licenses=[licences.make_from_string(text) for text in [_licence(found)] if text],
    )


def _licence(found: Distribution) -> str:
    """As its metadata gives it: an expression, a short text, or a classifier."""
    text = _field(found, "License-Expression") or _field(found, "License")
    if text and len(text) < 80 and "\n" not in text:
        return text
    classifiers = found.metadata.get_all("Classifier") or []
    return next((str(one).rpartition(" :: ")[2] for one in classifiers if str(one).startswith("License ::")), "")


def _field(found: Distribution, name: str) -> str:
    return str((found.metadata.get_all(name) or [""])[0])
