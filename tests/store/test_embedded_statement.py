import pytest

from store.embedded_errors import ErrorCode, FaceError
from store.embedded_statement import parse_statement


@pytest.mark.parametrize(
    ("sql", "head", "data", "form"),
    [
        (b"insert into t format Native\n\x02\x00", b"insert into t ", b"\x02\x00", "Native"),
        (
            b'INSERT INTO t (`a b`, "c") FORMAT CSV\n1\n',
            b'INSERT INTO t (`a b`, "c") ',
            b"1\n",
            "CSV",
        ),
        (b"insert into t (format) format TSV \r\n1", b"insert into t (format) ", b"1", "TSV"),
        (b"insert into t settings a = 'format X' format CSV 1", b"", b"1", "CSV"),
        (
            b"-- format X\ninsert into t /* format Y */ format CSV\nformat Z",
            b"",
            b"format Z",
            "CSV",
        ),
        (b"insert into t format Native\n\n\n", b"insert into t ", b"\n\n", "Native"),
        (b"insert into `a\\`b` format Native\nx", b"", b"x", "Native"),
        (b"insert into t format Native", b"insert into t ", b"", "Native"),
        (
            b"insert into t format JSONEachRow\n; drop table t",
            b"",
            b"; drop table t",
            "JSONEachRow",
        ),
    ],
)
def test_an_insert_is_cut_from_its_data(sql: bytes, head: bytes, data: bytes, form: str) -> None:
    statement = parse_statement(sql)
    assert statement.data_at is not None
    assert (sql[statement.data_at :], statement.format) == (data, form)
    assert not head or statement.head == head


@pytest.mark.parametrize(
    "sql",
    [
        b"insert into t values (1, 'format CSV\n')",
        b"insert into t (a) values (1); ",
        b"insert into t format Values (1)",
        b"insert into t select format('{}', a) from u",
        b"insert into t (a) with 1 as x select x",
    ],
)
def test_an_insert_with_values_or_a_query_stays_whole(sql: bytes) -> None:
    statement = parse_statement(sql)
    assert (statement.head, statement.data_at, statement.verb) == (sql, None, "insert")


@pytest.mark.parametrize(
    ("sql", "form"),
    [
        (b"select 1", ""),
        (b"select 1 format Native", "Native"),
        (b"select 1\n FORMAT JSON;", "JSON"),
        (b"select 1 format CSV settings max_threads = 1", "CSV"),
        (b"select 1 settings max_threads = 1 format CSV", "CSV"),
        (b"select format('{} format CSV', 1)", ""),
        (b"select 1 as format from t", ""),
        (b"select 'a' format -- format CSV", ""),
        (b"select `format` csv", ""),
        (b"select (select 1 format CSV)", ""),
    ],
)
def test_the_format_of_a_query_is_its_last_clause(sql: bytes, form: str) -> None:
    assert parse_statement(sql).format == form


@pytest.mark.parametrize(
    "sql",
    [b"", b"  -- nothing\n", b"select 1; select 2", b"select ';'; drop table t", b"insert into t"],
)
def test_none_or_two_statements_are_refused(sql: bytes) -> None:
    with pytest.raises(FaceError) as caught:
        parse_statement(sql)
    assert caught.value.code == ErrorCode.SYNTAX_ERROR


@pytest.mark.parametrize(
    "sql",
    [
        b"select 1 into outfile 'f'",
        b"insert into t from infile 'f' format CSV",
        b"SELECT 1 INTO/**/OUTFILE 'f' FORMAT CSV",
    ],
)
def test_local_files_are_refused(sql: bytes) -> None:
    with pytest.raises(FaceError) as caught:
        parse_statement(sql)
    assert caught.value.code == ErrorCode.NOT_IMPLEMENTED


@pytest.mark.parametrize("sql", [b"select 1 as outfile", b"select infile from t", b"select ';'"])
def test_words_that_only_look_alike_pass(sql: bytes) -> None:
    assert parse_statement(sql).reads


@pytest.mark.parametrize(
    ("sql", "answers", "changes"),
    [
        (b"select 1", True, False),
        (b"WITH 1 as x select x", True, False),
        (b"(select 1)", True, False),
        (b"show tables", True, False),
        (b"set a = 1", False, False),
        (b"create table t (a Int8) engine = Memory", False, True),
        (b"system reload config", False, True),
        (b"kill query where 1", True, True),
    ],
)
def test_what_a_statement_does_is_known_by_its_verb(
    sql: bytes, answers: bool, changes: bool
) -> None:
    statement = parse_statement(sql)
    assert (statement.answers, statement.changes) == (answers, changes)
