import ssl
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra import AuthenticationFailed, InvalidRequest
from cassandra.cluster import NoHostAvailable

from components.scylla import session as session_module
from components.scylla.session import (
    Credentials,
    ScyllaAuthenticationError,
    ScyllaError,
    ScyllaUnreachableError,
    open_session,
    quote_name,
    quote_text,
    split_contact_points,
)

ADMIN = Credentials("cassandra", "hunter2")


class FakeCluster:
    """Takes the place of the driver's Cluster."""

    failure: Exception | None = None
    statement_failure: Exception | None = None
    agrees = True
    last: "FakeCluster"

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.statements: list[tuple[str, object]] = []
        self.is_shut_down = False
        self.control_connection = SimpleNamespace(wait_for_schema_agreement=lambda: self.agrees)
        type(self).last = self

    def connect(self) -> "FakeCluster":
        if self.failure:
            raise self.failure
        return self

    def execute(self, cql: str, parameters: object) -> list[dict[str, int]]:
        self.statements.append((cql, parameters))
        if self.statement_failure:
            raise self.statement_failure
        return [{"n": 1}]

    def shutdown(self) -> None:
        self.is_shut_down = True


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> type[FakeCluster]:
    fresh = type("FreshCluster", (FakeCluster,), {})
    monkeypatch.setattr(session_module, "Cluster", fresh)
    return fresh


def test_it_connects_to_the_contact_points_only_and_closes_at_the_end(cluster: type[FakeCluster]) -> None:
    with open_session(["127.0.0.1:9042", "127.0.0.2:9042"], ADMIN) as session:
        assert session.execute("SELECT n FROM t WHERE k = %s", ("k",)) == [{"n": 1}]
        assert session.execute("LIST ROLES") == [{"n": 1}]
        session.wait_for_schema_agreement()
        assert not cluster.last.is_shut_down
    options = cluster.last.options
    assert (options["contact_points"], options["port"]) == (["127.0.0.1", "127.0.0.2"], 9042)
    assert options["protocol_version"] == 4
    profile = next(iter(options["execution_profiles"].values()))
    assert profile.load_balancing_policy._allowed_hosts == ("127.0.0.1", "127.0.0.2")
    assert cluster.last.statements == [("SELECT n FROM t WHERE k = %s", ("k",)), ("LIST ROLES", None)]
    assert cluster.last.is_shut_down


def test_it_speaks_tls_where_it_is_told_whom_to_trust(cluster: type[FakeCluster]) -> None:
    with open_session(["127.0.0.1:9042"], ADMIN):
        assert "ssl_context" not in cluster.last.options
    with open_session(["127.0.0.1:9042", "127.0.0.2:9042"], ADMIN, ""):
        assert cluster.last.options["ssl_context"].verify_mode == ssl.CERT_REQUIRED
        assert "ssl_options" not in cluster.last.options
    with open_session(["localhost:9042"], ADMIN, ""):
        assert cluster.last.options["ssl_options"] == {"server_hostname": "localhost"}


def test_refused_credentials_are_told_from_a_server_that_is_down(cluster: type[FakeCluster]) -> None:
    cluster.failure = NoHostAvailable("no host", {"127.0.0.1": AuthenticationFailed("Bad credentials hunter2")})
    with pytest.raises(ScyllaAuthenticationError) as error, open_session(["127.0.0.1:9042"], ADMIN):
        pass
    assert str(error.value) == "ScyllaDB at 127.0.0.1:9042 refuses the login of cassandra"
    assert cluster.last.is_shut_down


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (NoHostAvailable("no host", {"127.0.0.1": ConnectionRefusedError("refused")}), "refused"),
        (NoHostAvailable("no host", {}), "no host"),
        (OSError("Name or service not known"), "Name or service not known"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_server_that_is_down_is_named(cluster: type[FakeCluster], failure: Exception, reason: str) -> None:
    cluster.failure = failure
    with pytest.raises(ScyllaUnreachableError) as error, open_session(["127.0.0.1:9042"], ADMIN):
        pass
    assert str(error.value) == f"no CQL connection to ScyllaDB at 127.0.0.1:9042: {reason}"
    assert error.value.__cause__ is None


def test_a_host_name_that_does_not_resolve_is_a_server_that_is_down() -> None:
    with (
        pytest.raises(ScyllaUnreachableError, match=r"no CQL connection to ScyllaDB at host\.invalid:1"),
        open_session(["host.invalid:1"], ADMIN),
    ):
        pass


def test_a_refused_statement_is_named_with_the_servers_reason(cluster: type[FakeCluster]) -> None:
    cluster.statement_failure = InvalidRequest("unconfigured table t")
    with (
        open_session(["127.0.0.1:9042"], ADMIN) as session,
        pytest.raises(ScyllaError, match=r"^SELECT n FROM t: unconfigured table t$"),
    ):
        session.execute("SELECT n FROM t")
    assert cluster.last.is_shut_down


@pytest.mark.parametrize("secret", ["hunter2", "it's", "x" * 200])
def test_a_secret_is_in_no_error(cluster: type[FakeCluster], secret: str) -> None:
    literal = quote_text(secret)
    cluster.statement_failure = InvalidRequest(
        f"line 1:9 no viable alternative at input 'X' (...{literal[3:]} X) {secret}"
    )
    with open_session(["127.0.0.1:9042"], ADMIN) as session, pytest.raises(ScyllaError) as error:
        session.execute(f"ALTER ROLE r WITH PASSWORD = {literal} X", secret=secret)
    assert str(error.value) == "ALTER ROLE r WITH PASSWORD = '***' X: line 1:9 no viable alternative"


def test_a_long_statement_is_cut(cluster: type[FakeCluster]) -> None:
    cluster.statement_failure = InvalidRequest("no")
    with open_session(["127.0.0.1:9042"], ADMIN) as session, pytest.raises(ScyllaError) as error:
        session.execute("SELECT " + "a" * 500 + "\nFROM t")
    assert len(str(error.value)) < 130


def test_nodes_that_do_not_agree_on_the_schema_are_an_error(cluster: type[FakeCluster]) -> None:
    cluster.agrees = False
    with (
        open_session(["127.0.0.1:9042"], ADMIN) as session,
        pytest.raises(ScyllaError, match="do not agree on the schema"),
    ):
        session.wait_for_schema_agreement()


def test_a_password_is_not_in_the_credentials_text() -> None:
    assert "hunter2" not in repr(ADMIN)


def test_contact_points_are_split_into_hosts_and_one_port() -> None:
    assert split_contact_points(["a:9042", "[::1]:9042"]) == (["a", "::1"], 9042)


@pytest.mark.parametrize("contact_points", [[], ["a"], ["a:"], [":9042"], ["a:b"], ["a:1", "b:2"]])
def test_wrong_contact_points_are_refused(contact_points: list[str]) -> None:
    with pytest.raises(ValueError, match="contact point"):
        split_contact_points(contact_points)


def test_names_and_texts_are_quoted() -> None:
    assert quote_name('a"b') == '"a""b"'
    assert quote_text("it's") == "'it''s'"
