import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.scylla.metadata import (
    ColumnKind,
    SourceColumn,
    SourceTable,
    read_source_table,
    split_table_name,
)
from reconcile.cdc_options import CdcOptions, decode_cdc_options
from tests.unit.components.scylla_fakes import FakeScylla, encode_cdc_options, users_table

# As the stand-in and ScyllaDB 5.4 write it: delta full, enabled true, postimage true, preimage false, ttl 60.
RECORDED = (
    b"\x05\x00\x00\x00\x05\x00\x00\x00delta\x04\x00\x00\x00full\x07\x00\x00\x00enabled\x04\x00\x00\x00true"
    b"\x09\x00\x00\x00postimage\x04\x00\x00\x00true\x08\x00\x00\x00preimage\x05\x00\x00\x00false"
    b"\x03\x00\x00\x00ttl\x02\x00\x00\x0060"
)


def test_the_cdc_blob_is_read_as_little_endian_texts() -> None:
    assert decode_cdc_options(RECORDED) == CdcOptions(enabled=True, postimage=True, ttl_seconds=60)


def test_options_missing_from_the_blob_have_the_servers_defaults() -> None:
    assert decode_cdc_options(b"\x00\x00\x00\x00") == CdcOptions()


@given(
    st.builds(
        CdcOptions,
        enabled=st.booleans(),
        postimage=st.booleans(),
        preimage=st.sampled_from(["false", "true", "full"]),
        delta=st.sampled_from(["full", "keys"]),
        ttl_seconds=st.integers(0, 10**9),
    )
)
def test_what_is_encoded_is_decoded(options: CdcOptions) -> None:
    assert decode_cdc_options(encode_cdc_options(options)) == options


@given(st.integers(0, len(RECORDED) - 1))
def test_a_blob_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="not a map of texts"):
        decode_cdc_options(RECORDED[:length])


def test_a_negative_length_is_refused() -> None:
    with pytest.raises(ValueError, match="not a map of texts"):
        decode_cdc_options(b"\x01\x00\x00\x00\xff\xff\xff\xff")


def test_options_are_written_as_cql() -> None:
    options = CdcOptions(enabled=True, postimage=True, preimage="full", ttl_seconds=7)
    assert options.to_cql() == ("{'enabled': true, 'postimage': true, 'preimage': 'full', 'delta': 'full', 'ttl': 7}")


def test_a_table_is_read_with_its_key_in_order() -> None:
    table = SourceTable(
        "shop",
        "orders",
        (
            SourceColumn("b", "int", ColumnKind.CLUSTERING, 1),
            SourceColumn("a", "int", ColumnKind.CLUSTERING, 0),
            SourceColumn("q", "int", ColumnKind.PARTITION_KEY, 1),
            SourceColumn("p", "int", ColumnKind.PARTITION_KEY, 0),
            SourceColumn("v", "text"),
        ),
        CdcOptions(enabled=True),
        default_ttl_seconds=5,
    )
    server = FakeScylla(tables={"shop.orders": table})
    read = read_source_table(server, "shop", "orders")
    assert read == table
    assert read.key == ("p", "q", "a", "b")


def test_a_table_without_cdc_has_it_disabled() -> None:
    server = FakeScylla(tables={"shop.users": users_table(CdcOptions())})
    table = read_source_table(server, "shop", "users")
    assert table is not None
    assert not table.cdc.enabled


def test_a_table_that_does_not_exist_is_none() -> None:
    assert read_source_table(FakeScylla(), "shop", "users") is None


def test_a_full_name_is_split() -> None:
    assert split_table_name("shop.users") == ("shop", "users")


@pytest.mark.parametrize("name", ["users", ".users", "shop.", "a.b.c", ""])
def test_a_name_without_exactly_two_parts_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="full table name"):
        split_table_name(name)
