"""A compose file: the image of the Dockerfile beside it, its data, and how it is stopped."""

from __future__ import annotations

import json

from homeport.build.packager.deployment.place import Place


def compose(place: Place) -> str:
    """For ``docker compose up`` in the project's folder."""
    label = place.label
    asked = '      HOMEPORT_NODE__TOKEN: "${HOMEPORT_NODE__TOKEN:?give a token, by the environment or in .env}"\n'
    if place.token:
        asked = "      # The token is among the settings in the artefact.\n"
    plain = (
        ""
        if place.tls
        else "      # Published on this machine only, below. What makes it public has to end TLS.\n"
        '      HOMEPORT_NODE__PLAIN_HTTP: "true"\n'
    )
    return f"""\
# {place.name} on one machine:  HOMEPORT_NODE__TOKEN=… docker compose up --build --detach
services:
  {label}:
    build:
{_build(place)}    image: {label}
    init: true # reaps what services start and leave behind
    restart: unless-stopped
    environment:
{asked}{plain}    ports:
      - "127.0.0.1:{place.port}:{place.port}"
    volumes:
      - {label}-data:/data
    read_only: true
    tmpfs:
      - /tmp
    cap_drop:
      - ALL
    security_opt:
      - no-new-privileges:true
    # Services finish their calls and shut down before the container ends.
    stop_signal: SIGTERM
    stop_grace_period: {place.stop_seconds}s
    healthcheck:
      test: {json.dumps(["CMD", *place.health_check])}
      interval: 10s
      timeout: 5s
      retries: 3
      start_period: 30s

volumes:
  {label}-data:
"""


def _build(place: Place) -> str:
    folder = place.homeport.folder
    if not folder:
        return "      context: .\n"
    return f"""\
      context: .
      additional_contexts:
        homeport: {json.dumps(folder)} # what Homeport was installed from where this was written
"""
