import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.types import (
    Binding,
    CqlType,
    UnsupportedTypeError,
    canonical_cql_type,
    parse_cql_type,
    postgres_column,
    postgres_key_column,
)

PLAIN = {
    "ascii": "text", "text": "text", "varchar": "text", "uuid": "uuid", "timeuuid": "uuid", "int": "integer",
    "bigint": "bigint", "smallint": "smallint", "tinyint": "smallint", "varint": "numeric",
    "decimal": "numeric", "float": "real", "double": "double precision", "boolean": "boolean",
    "timestamp": "timestamptz", "date": "date", "time": "bigint", "duration": "text", "inet": "inet",
    "blob": "bytea",
}  # fmt: skip
ELEMENTS = {
    "ascii": "text[]", "text": "text[]", "varchar": "text[]", "uuid": "text[]", "timeuuid": "text[]",
    "inet": "text[]", "decimal": "text[]", "varint": "text[]", "duration": "text[]", "int": "integer[]",
    "bigint": "bigint[]", "smallint": "smallint[]", "tinyint": "smallint[]", "boolean": "boolean[]",
    "float": "real[]", "double": "double precision[]", "time": "bigint[]",
}  # fmt: skip

UDT_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True).map(lambda name: f"t_{name}")


def nested(children: st.SearchStrategy[CqlType]) -> st.SearchStrategy[CqlType]:
    return st.one_of(
        st.builds(
            lambda name, argument, frozen: CqlType(name, (argument,), frozen),
            st.sampled_from(["list", "set"]),
            children,
            st.booleans(),
        ),
        st.builds(lambda key, value, frozen: CqlType("map", (key, value), frozen), children, children, st.booleans()),
        st.builds(
            lambda parts, frozen: CqlType("tuple", tuple(parts), frozen),
            st.lists(children, min_size=1, max_size=3),
            st.booleans(),
        ),
    )


SCALARS = st.builds(CqlType, st.sampled_from(sorted(set(PLAIN) - {"varchar"})))
UDTS = st.builds(lambda name, frozen: CqlType(name, (), frozen, True), UDT_NAMES, st.booleans())
QUOTED_UDTS = st.builds(
    lambda name: CqlType(name, user_defined=True), st.text(min_size=1).filter(lambda t: "\x00" not in t)
)
TYPES = st.recursive(st.one_of(SCALARS, UDTS, QUOTED_UDTS), nested, max_leaves=8)


@pytest.mark.parametrize(("cql", "postgres"), PLAIN.items())
def test_a_plain_type_has_its_column_and_is_bound_directly(cql: str, postgres: str) -> None:
    column = postgres_column(cql)
    assert (column.type, column.binding) == (postgres, Binding.DIRECT)
    assert postgres_key_column(cql) == column


@pytest.mark.parametrize("collection", ["list", "set"])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(("element", "postgres"), ELEMENTS.items())
def test_a_collection_of_such_elements_is_an_array(collection: str, frozen: bool, element: str, postgres: str) -> None:
    text = f"{collection}<{element}>"
    column = postgres_column(f"frozen<{text}>" if frozen else text)
    assert (column.type, column.binding) == (postgres, Binding.DIRECT)


@pytest.mark.parametrize(
    "cql",
    [
        "map<text, int>",
        "frozen<map<text, frozen<list<int>>>>",
        "tuple<int, text>",
        "address",
        'frozen<"Address">',
        '"int"',
        'list<"text">',
        "set<blob>",
        "list<timestamp>",
        "set<date>",
        "list<frozen<set<int>>>",
        "list<frozen<address>>",
    ],
)
def test_everything_else_that_is_nested_is_json(cql: str) -> None:
    column = postgres_column(cql)
    assert (column.type, column.binding) == ("jsonb", Binding.JSON)


@pytest.mark.parametrize("cql", ["counter", "vector<float, 3>", "list<frozen<vector<float, 3>>>", "map<text, counter>"])
def test_a_type_that_cannot_be_replicated_is_refused_with_column_and_type(cql: str) -> None:
    with pytest.raises(UnsupportedTypeError) as error:
        postgres_column(cql, "amount")
    assert "column amount" in str(error.value)
    assert cql in str(error.value)


@pytest.mark.parametrize("cql", ["frozen<list<int>>", "set<text>", "frozen<tuple<int>>", "frozen<address>"])
def test_a_key_column_must_be_plain(cql: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"column id: type .* cannot be part of the key"):
        postgres_key_column(cql, "id")


@pytest.mark.parametrize(
    ("cql", "reason"),
    [
        ("", "a type name is missing"),
        ("<int>", "a type name is missing"),
        ("list<", "a type name is missing"),
        ("list<int", "'>' is missing"),
        ("list", "list takes 1 type arguments, not 0"),
        ("map<int>", "map takes 2 type arguments, not 1"),
        ("frozen<int, int>", "frozen takes 1 type arguments, not 2"),
        ("text<int>", "text takes 0 type arguments, not 1"),
        ("tuple", "tuple needs element types"),
        ("int static", "'static' is not expected"),
        ("int>", "'>' is not expected"),
        ("'org.apache.cassandra.db.marshal.Foo'", "a type name is missing"),
    ],
)
def test_text_that_is_no_type_is_refused_with_the_reason(cql: str, reason: str) -> None:
    with pytest.raises(UnsupportedTypeError) as error:
        parse_cql_type(cql, "c")
    assert str(error.value).startswith(f"column c: cannot read CQL type '{cql}': ")
    assert reason in str(error.value)


@given(TYPES)
def test_a_type_that_is_written_is_read_back(cql: CqlType) -> None:
    assert parse_cql_type(str(cql)) == cql


@given(TYPES)
def test_the_canonical_spelling_is_stable(cql: CqlType) -> None:
    once = canonical_cql_type(str(cql))
    assert canonical_cql_type(once) == once


@given(TYPES, st.text(alphabet=" \n\t", max_size=3))
def test_white_space_and_inner_frozen_do_not_matter(cql: CqlType, space: str) -> None:
    if '"' in str(cql):
        return
    spaced = str(cql)
    for sign in "<>,":
        spaced = spaced.replace(sign, f"{space}{sign}{space}")
    assert canonical_cql_type(spaced) == canonical_cql_type(str(cql))
    outer = canonical_cql_type(f"list<frozen<{cql}>>")
    assert outer == canonical_cql_type(f"list<{cql}>")


def test_frozen_at_the_top_does_matter() -> None:
    assert canonical_cql_type("frozen<list<int>>") != canonical_cql_type("list<int>")


def test_a_tuple_is_always_frozen_and_varchar_is_text() -> None:
    assert canonical_cql_type("TUPLE<int,varchar>") == "frozen<tuple<int, text>>"


@given(TYPES)
def test_every_readable_type_is_mapped(cql: CqlType) -> None:
    column = postgres_column(str(cql))
    assert (column.type == "jsonb") == (column.binding is Binding.JSON)
