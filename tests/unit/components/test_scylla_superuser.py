from dataclasses import dataclass, field
from typing import Any

import pytest

from components.provider_errors import ProviderError
from components.scylla.provider import ConfigurationError
from components.scylla.session import ScyllaError
from components.scylla.superuser import SuperuserPasswordProvider
from tests.unit.components.scylla_fakes import ADMIN_PASSWORD, CONTACT_POINTS, FakeScylla, configured


@dataclass
class StepClock:
    """Time passes only by sleeping; after `ready_at` seconds `on_ready` is called once."""

    ready_at: float = float("inf")
    on_ready: Any = None
    seconds: float = 0.0
    naps: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds
        if self.on_ready and self.seconds >= self.ready_at:
            self.on_ready()
            self.on_ready = None


class Server(FakeScylla):
    """Applies the statements that set passwords."""

    def execute(self, cql: str, parameters: Any = (), *, secret: str = "") -> Any:
        words = cql.split('"')
        self.passwords[words[1]] = secret
        return super().execute(cql, parameters, secret=secret)


def inputs(**changes: Any) -> dict[str, Any]:
    return {"contact_points": CONTACT_POINTS, "deadline_seconds": 30, "triggers": []} | changes


def provider_for(server: FakeScylla, clock: StepClock | None = None, **config: str) -> SuperuserPasswordProvider:
    provider = configured(SuperuserPasswordProvider, server, **config)
    provider.clock = clock or StepClock()  # type: ignore[misc]
    return provider


def fresh_server() -> Server:
    return Server(passwords={"cassandra": "cassandra"})


def test_the_default_password_of_a_fresh_server_is_replaced() -> None:
    server = fresh_server()
    result = provider_for(server).create(inputs())
    assert result.id == "cassandra"
    assert server.passwords == {"cassandra": ADMIN_PASSWORD}
    assert ADMIN_PASSWORD not in str(result.outs)


def test_a_password_that_is_accepted_is_left_alone() -> None:
    server = Server()
    provider_for(server).update("cassandra", inputs(), inputs(triggers=["x"]))
    assert server.statements == []


def test_a_password_changed_in_the_configuration_is_a_change_without_being_in_the_state() -> None:
    state = provider_for(fresh_server()).create(inputs()).outs or {}
    assert set(state) == {*inputs(), "password_digest"}
    assert provider_for(Server()).diff("cassandra", state, inputs()).changes is False
    assert provider_for(Server()).diff("cassandra", state, inputs(triggers=["x"])).changes is True
    rotated = provider_for(Server(), scyllaAdminPassword="rotated")
    assert rotated.diff("cassandra", state, inputs()).changes is True


def test_the_same_password_has_another_digest_each_time() -> None:
    first, second = (provider_for(Server()).create(inputs()).outs or {} for _ in range(2))
    assert first["password_digest"] != second["password_digest"]


def test_it_waits_for_the_default_superuser_of_a_new_server() -> None:
    server = Server(passwords={})
    clock = StepClock(5, lambda: server.passwords.update(cassandra="cassandra"))
    provider_for(server, clock).create(inputs())
    assert server.passwords["cassandra"] == ADMIN_PASSWORD


def test_it_waits_for_a_server_that_does_not_answer_yet() -> None:
    server = fresh_server()
    server.is_down = True
    clock = StepClock(3, lambda: setattr(server, "is_down", False))
    provider_for(server, clock).create(inputs())
    assert server.passwords["cassandra"] == ADMIN_PASSWORD


def test_it_gives_up_at_the_deadline_and_says_what_to_do() -> None:
    clock = StepClock()
    with pytest.raises(ScyllaError, match="config secret scyllaAdminPreviousPassword") as error:
        provider_for(Server(passwords={"cassandra": "forgotten"}), clock).create(inputs(deadline_seconds=10))
    assert clock.seconds == 10
    assert ADMIN_PASSWORD not in str(error.value)


def test_a_server_that_never_answers_is_named_as_the_reason() -> None:
    server = fresh_server()
    server.is_down = True
    with pytest.raises(ScyllaError, match="down"):
        provider_for(server).create(inputs(deadline_seconds=2))


def test_the_password_is_set_once_even_when_the_server_takes_time_to_accept_it() -> None:
    server = FakeScylla(passwords={"cassandra": "cassandra"})  # records the statement and goes on as before
    clock = StepClock(4, lambda: server.passwords.update(cassandra=ADMIN_PASSWORD))
    provider_for(server, clock).create(inputs())
    assert len(server.statements) == 1


def test_a_password_is_rotated_with_the_former_one() -> None:
    server = Server(passwords={"cassandra": "former"})
    provider_for(server, scyllaAdminPreviousPassword="former").update("cassandra", inputs(), inputs())
    assert server.passwords == {"cassandra": ADMIN_PASSWORD}


def test_another_administrator_is_made_and_the_default_login_is_closed() -> None:
    server = fresh_server()
    provider_for(server, scyllaAdminUser="boss").create(inputs())
    assert server.passwords == {"boss": ADMIN_PASSWORD, "cassandra": ADMIN_PASSWORD}
    assert server.statements[0].startswith('CREATE ROLE IF NOT EXISTS "boss" WITH PASSWORD')


def test_refresh_keeps_a_password_that_is_accepted() -> None:
    assert provider_for(Server()).read("cassandra", inputs()).outs == inputs()


def test_a_server_that_was_reset_leaves_the_state_so_that_up_sets_the_password_again() -> None:
    read = provider_for(fresh_server()).read("cassandra", inputs())
    assert (read.id, read.outs) == (None, {})


def test_without_a_configured_password_it_says_how_to_set_one() -> None:
    provider = configured(SuperuserPasswordProvider, Server(), scyllaAdminPassword="")
    with pytest.raises(ConfigurationError, match="pulumi config set --secret scyllaAdminPassword") as error:
        provider.create(inputs())
    assert isinstance(error.value, ProviderError)


def test_a_deadline_must_be_above_zero() -> None:
    failures = SuperuserPasswordProvider().check({}, inputs(deadline_seconds=0)).failures
    assert [failure.property for failure in failures] == ["deadline_seconds"]
