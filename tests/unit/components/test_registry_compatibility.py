"""The registry's compatibility level as a resource."""

from __future__ import annotations

import json

import httpx
import pytest

from components.registry_compatibility import CompatibilityProvider, RegistryError

URL = "http://registry.test:8081"


class FakeRegistry:
    def __init__(self) -> None:
        self.level = "NONE"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/config"
        if request.method == "GET":
            return httpx.Response(200, json={"compatibilityLevel": self.level})
        level = json.loads(request.content)["compatibility"]
        if level == "SIDEWAYS":
            return httpx.Response(422, json={"error_code": 42203, "message": "Invalid compatibility level"})
        self.level = level
        return httpx.Response(200, json={"compatibility": level})


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    fake = FakeRegistry()
    monkeypatch.setattr(CompatibilityProvider, "transport", httpx.MockTransport(fake))
    monkeypatch.setattr(CompatibilityProvider, "retry_seconds", 0)
    return fake


def test_create_sets_the_level(registry: FakeRegistry) -> None:
    result = CompatibilityProvider().create({"url": URL, "level": "BACKWARD"})

    assert registry.level == "BACKWARD"
    assert result.outs == {"url": URL, "level": "BACKWARD"}


def test_a_level_changed_by_hand_is_drift_that_update_heals(registry: FakeRegistry) -> None:
    provider = CompatibilityProvider()
    wanted = {"url": URL, "level": "BACKWARD"}
    provider.create(wanted)
    registry.level = "NONE"

    drifted = provider.read(URL, wanted).outs or {}
    assert provider.diff(URL, drifted, wanted).changes
    provider.update(URL, drifted, wanted)

    assert registry.level == "BACKWARD"


def test_the_same_level_is_no_change() -> None:
    wanted = {"url": URL, "level": "BACKWARD"}

    assert not CompatibilityProvider().diff(URL, wanted, wanted).changes


def test_another_registry_is_another_resource() -> None:
    diff = CompatibilityProvider().diff(URL, {"url": URL, "level": "FULL"}, {"url": "http://x", "level": "FULL"})

    assert diff.replaces == ["url"]


@pytest.mark.usefixtures("registry")
def test_a_refused_level_is_reported_with_the_registrys_reason() -> None:
    with pytest.raises(RegistryError, match=r"422.*Invalid compatibility level"):
        CompatibilityProvider().create({"url": URL, "level": "SIDEWAYS"})


def test_delete_leaves_the_level(registry: FakeRegistry) -> None:
    registry.level = "FULL"

    CompatibilityProvider().delete(URL, {"url": URL})

    assert registry.level == "FULL"


def test_an_unreachable_registry_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(CompatibilityProvider, "transport", httpx.MockTransport(refuse))
    monkeypatch.setattr(CompatibilityProvider, "retry_seconds", 0)

    with pytest.raises(RegistryError, match=r"registry\.test:8081 does not answer"):
        CompatibilityProvider().create({"url": URL, "level": "BACKWARD"})
