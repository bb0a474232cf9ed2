"""A Django project in one file, whose views call services: ``python website.py runserver``."""

from __future__ import annotations

import sys
from functools import cache

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

import homeport
from homeport.client_sync import SyncClient

settings.configure(
    DEBUG=True,
    SECRET_KEY="only for this example",
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
)


@cache
def services() -> SyncClient:
    """One client for all views and threads; it connects at the first request, and anew in a forked worker."""
    return homeport.connect_sync(name="website")


def greet(request: HttpRequest, name: str) -> HttpResponse:
    try:
        return JsonResponse(services().service("greetings").greet(name))
    except homeport.HomeportError as error:
        return JsonResponse({"error": str(error)}, status=503)


urlpatterns = [path("hello/<name>", greet)]
application = get_asgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
