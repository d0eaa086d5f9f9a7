"""Generated secrets of a stack, and their survival of a `git checkout`."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from components.tls.authority import Authority
from ops.errors import OpsError
from ops.processes import Completed
from ops.stack_config import load
from ops.stack_secrets import SECRET_KEYS, ensure_secrets
from tests.unit.ops.ops_fakes import FakeRunner, fake_cli, ok

TRACKED = "# One host, public images.\nconfig:\n  scylla-pg-cdc:tables: []\n"


@pytest.fixture
def stack_file(tmp_path: Path) -> Path:
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(TRACKED)
    return path


def pulumi_that_encrypts(path: Path) -> FakeRunner:
    """A `pulumi config set --secret` that writes to the stack file as the real one does."""

    def set_secret(argv: Sequence[str], value: str | None) -> Completed:
        document = load(path)
        key = next(word for word in argv if word.startswith("scylla-pg-cdc:"))
        document.setdefault("encryptionsalt", "v1:salt")
        document["config"][key] = {"secure": f"v1:{hash(value)}"}
        path.write_text(yaml.safe_dump(document))
        return ok()

    return FakeRunner().on("config set --secret", set_secret)


def test_every_missing_secret_is_generated_and_no_two_are_equal(tmp_path: Path, stack_file: Path) -> None:
    runner = pulumi_that_encrypts(stack_file)
    assert ensure_secrets(fake_cli(runner), tmp_path, tmp_path) == list(SECRET_KEYS)
    assert len(set(runner.inputs)) == len(SECRET_KEYS)
    assert all(value is not None and len(value) >= 32 for value in runner.inputs)


def test_an_authority_is_made_where_there_is_tls(tmp_path: Path, stack_file: Path) -> None:
    stack_file.write_text(TRACKED + "  scylla-pg-cdc:transportSecurity: tls\n")
    runner = pulumi_that_encrypts(stack_file)

    assert "tlsAuthority" in ensure_secrets(fake_cli(runner), tmp_path, tmp_path)
    made = [value for value in runner.inputs if value and "BEGIN CERTIFICATE" in value]
    assert [Authority.parse(pem).certificate.subject.rfc4514_string() for pem in made] == ["CN=scylla-pg-cdc dev"]


def test_existing_secrets_are_kept(tmp_path: Path, stack_file: Path) -> None:
    ensure_secrets(fake_cli(pulumi_that_encrypts(stack_file)), tmp_path, tmp_path)
    runner = pulumi_that_encrypts(stack_file)
    assert ensure_secrets(fake_cli(runner), tmp_path, tmp_path) == []
    assert runner.calls == []


def test_secrets_come_back_after_a_checkout_of_the_tracked_file(tmp_path: Path, stack_file: Path) -> None:
    ensure_secrets(fake_cli(pulumi_that_encrypts(stack_file)), tmp_path, tmp_path)
    before = load(stack_file)
    stack_file.write_text(TRACKED)
    runner = FakeRunner()
    assert ensure_secrets(fake_cli(runner), tmp_path, tmp_path) == []
    assert load(stack_file) == before
    assert stack_file.read_text().count("# One host, public images.") == 1


def test_the_saved_copy_holds_only_encrypted_values(tmp_path: Path, stack_file: Path) -> None:
    runner = pulumi_that_encrypts(stack_file)
    ensure_secrets(fake_cli(runner), tmp_path, tmp_path)
    saved = (tmp_path / "dev.secrets.yaml").read_text()
    assert not any(value in saved for value in runner.inputs if value)
    assert "tables" not in saved


def test_the_credentials_of_external_services_are_asked_for_and_not_made_up(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text("config:\n  scylla-pg-cdc:scyllaMode: external\n  scylla-pg-cdc:vaultMode: external\n")
    with pytest.raises(OpsError) as raised:
        ensure_secrets(fake_cli(FakeRunner(), "prod"), tmp_path, tmp_path)
    assert "scyllaAdminPassword, vaultToken" in str(raised.value)
    assert "pulumi config set --secret scyllaAdminPassword --stack prod" in str(raised.value)
    assert "postgresAdminPassword" not in str(raised.value)


def test_a_stack_file_that_is_no_mapping_is_named(tmp_path: Path, stack_file: Path) -> None:
    stack_file.write_text("- a\n")
    with pytest.raises(OpsError, match=r"Pulumi\.dev\.yaml"):
        ensure_secrets(fake_cli(FakeRunner()), tmp_path, tmp_path)
