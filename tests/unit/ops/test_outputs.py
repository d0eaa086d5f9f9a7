"""Stack outputs are typed, and their secrets stay out of sight."""

import pytest

from ops.errors import OpsError
from ops.outputs import parse_outputs
from tests.unit.ops.ops_fakes import RAW_OUTPUTS


def test_outputs_are_read_into_types() -> None:
    outputs = parse_outputs(RAW_OUTPUTS, "dev")
    table = outputs.table("shop.users")
    assert table is not None
    assert (table.target, table.keys) == ("public.users", ("id",))
    assert (outputs.window_ms, outputs.confidence_ms) == (1000, 5000)
    assert outputs.table("shop.nothing") is None


def test_passwords_do_not_show_when_outputs_are_printed() -> None:
    assert "s3cret" not in repr(parse_outputs(RAW_OUTPUTS, "dev"))


@pytest.mark.parametrize("raw", [{}, {"endpoints": {}}, {**RAW_OUTPUTS, "credentials": {"scylla": {}}}])
def test_a_stack_that_is_not_wholly_up_says_what_to_run(raw: dict[str, object]) -> None:
    with pytest.raises(OpsError, match="make up STACK=dev"):
        parse_outputs(raw, "dev")
