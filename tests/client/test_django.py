from __future__ import annotations

import types
from functools import cache
from typing import Any

import pytest

import homeport
from homeport.errors import BadArguments
from tests.client.conftest import ThreadedNode

django = pytest.importorskip("django", reason="Django is not installed")


@pytest.fixture
def site(node_aside: ThreadedNode, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Django project of one view, which calls a service."""
    from django.conf import settings
    from django.http import HttpRequest, JsonResponse
    from django.test import Client
    from django.urls import path

    @cache
    def services() -> homeport.client_sync.SyncClient:
        return homeport.connect_sync(node_aside.endpoint, name="site")

    def pay(request: HttpRequest) -> JsonResponse:
        try:
            return JsonResponse(services().service("payments").process(request.GET["amount"]))
        except BadArguments as error:
            return JsonResponse({"error": str(error)}, status=400)

    urls = types.ModuleType("site_urls")
    urls.urlpatterns = [path("pay", pay)]  # type: ignore[attr-defined]
    if not settings.configured:
        settings.configure(ROOT_URLCONF=urls, SECRET_KEY="test", ALLOWED_HOSTS=["testserver"], DATABASES={})
        django.setup()
    else:
        monkeypatch.setattr(settings, "ROOT_URLCONF", urls)
    yield Client()
    services().close()


def test_a_django_view_calls_a_service(site: Any) -> None:
    assert site.get("/pay?amount=5").json() == {"id": "EUR", "amount": "5"}
    assert "$.amount: invalid decimal" in site.get("/pay?amount=five").json()["error"]
