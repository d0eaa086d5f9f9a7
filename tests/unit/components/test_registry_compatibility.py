"""The registry's compatibility level as a resource."""

from __future__ import annotations

import json

import httpx
import pytest

from components.registry_client import RegistryClient, RegistryError
from components.registry_compatibility import CompatibilityProvider

URL = "http://registry.test:8081"


GLOBAL = {"url": URL, "subject": "", "level": "BACKWARD"}
USERS = {"url": URL, "subject": "cdc.shop.users-value", "level": "NONE"}


class FakeRegistry:
    """As strict as Apicurio: a subject without a schema has no level of its own."""

    def __init__(self) -> None:
        self.level = "NONE"
        self.subjects: dict[str, str | None] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        subject = request.url.path.removeprefix("/config").removeprefix("/")
        if subject:
            return self.answer_for(subject, request)
        if request.method == "GET":
            return httpx.Response(200, json={"compatibilityLevel": self.level})
        level = json.loads(request.content)["compatibility"]
        if level == "SIDEWAYS":
            return httpx.Response(422, json={"error_code": 42203, "message": "Invalid compatibility level"})
        self.level = level
        return httpx.Response(200, json={"compatibility": level})

    def answer_for(self, subject: str, request: httpx.Request) -> httpx.Response:
        if subject not in self.subjects:
            return httpx.Response(404, json={"error_code": 40401, "message": "no such subject"})
        if request.method == "PUT":
            self.subjects[subject] = json.loads(request.content)["compatibility"]
        return httpx.Response(200, json={"compatibilityLevel": self.subjects[subject] or self.level})


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    fake = FakeRegistry()
    monkeypatch.setattr(CompatibilityProvider, "transport", httpx.MockTransport(fake))
    monkeypatch.setattr(CompatibilityProvider, "retry_seconds", 0)
    return fake


def test_create_sets_the_level(registry: FakeRegistry) -> None:
    result = CompatibilityProvider().create(GLOBAL)

    assert registry.level == "BACKWARD"
    assert result.outs == GLOBAL


def test_a_level_changed_by_hand_is_drift_that_update_heals(registry: FakeRegistry) -> None:
    provider = CompatibilityProvider()
    wanted = GLOBAL
    provider.create(wanted)
    registry.level = "NONE"

    drifted = provider.read(URL, wanted).outs or {}
    assert provider.diff(URL, drifted, wanted).changes
    provider.update(URL, drifted, wanted)

    assert registry.level == "BACKWARD"


def test_the_same_level_is_no_change() -> None:
    wanted = GLOBAL

    assert not CompatibilityProvider().diff(URL, wanted, wanted).changes


def test_the_state_of_an_older_version_is_the_global_level(registry: FakeRegistry) -> None:
    registry.level = "BACKWARD"
    read = CompatibilityProvider().read(URL, {"url": URL, "level": "FULL"})

    assert read.outs == {"url": URL, "level": "BACKWARD"}
    assert not CompatibilityProvider().diff(URL, read.outs, GLOBAL).changes


def test_another_registry_is_another_resource() -> None:
    diff = CompatibilityProvider().diff(URL, GLOBAL, GLOBAL | {"url": "http://x"})

    assert diff.replaces == ["url"]


@pytest.mark.usefixtures("registry")
def test_a_refused_level_is_reported_with_the_registrys_reason() -> None:
    with pytest.raises(RegistryError, match=r"422.*Invalid compatibility level"):
        CompatibilityProvider().create(GLOBAL | {"level": "SIDEWAYS"})


def test_a_subject_has_a_level_of_its_own(registry: FakeRegistry) -> None:
    registry.subjects = {USERS["subject"]: None}

    result = CompatibilityProvider().create(USERS)

    assert result.id == f"{URL}/cdc.shop.users-value"
    assert (registry.level, registry.subjects) == ("NONE", {USERS["subject"]: "NONE"})


def test_a_subject_without_a_schema_follows_the_global_level_until_it_has_one(registry: FakeRegistry) -> None:
    registry.level = "BACKWARD"
    provider = CompatibilityProvider()
    state = provider.create(USERS).outs or {}
    assert state["level"] == "BACKWARD"
    assert provider.diff(URL, state, USERS).changes

    registry.subjects = {USERS["subject"]: None}
    state = provider.update(URL, state, USERS).outs or {}

    assert registry.subjects == {USERS["subject"]: "NONE"}
    assert not provider.diff(URL, provider.read(URL, state).outs or {}, USERS).changes


@pytest.mark.parametrize("status", [200, 404])
def test_forgetting_a_subject_says_whether_there_was_one(status: int) -> None:
    def delete(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("DELETE", "/subjects/a-value")
        return httpx.Response(status, json=[1])

    with RegistryClient(URL, httpx.MockTransport(delete)) as client:
        assert client.forget("a-value") == (status == 200)


def test_a_certificate_that_is_not_trusted_is_said_at_once_with_what_to_do() -> None:
    calls = []

    def refuse(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed")

    with (
        RegistryClient(URL, httpx.MockTransport(refuse)) as client,
        pytest.raises(RegistryError, match=r"shows a certificate that is not trusted here .* tlsCaCertificate"),
    ):
        client.level()
    assert len(calls) == 1


def test_delete_leaves_the_level(registry: FakeRegistry) -> None:
    registry.level = "FULL"

    CompatibilityProvider().delete(URL, GLOBAL)

    assert registry.level == "FULL"


def test_an_unreachable_registry_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(CompatibilityProvider, "transport", httpx.MockTransport(refuse))
    monkeypatch.setattr(CompatibilityProvider, "retry_seconds", 0)

    with pytest.raises(RegistryError, match=r"registry\.test:8081 does not answer"):
        CompatibilityProvider().create(GLOBAL)
