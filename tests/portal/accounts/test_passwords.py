"""Passwords."""

import ast
import inspect
from time import monotonic

import pytest
from argon2 import PasswordHasher, Type
from zxcvbn import feedback

from portal.accounts.passwords import WARNINGS, hash_password, is_password, password_problem
from portal.language import speaking


def test_a_password_is_known_again_and_another_is_not() -> None:
    hashed = hash_password("correct horse")
    assert hashed.startswith("$argon2id$")
    assert is_password(hashed, "correct horse")
    assert not is_password(hashed, "correct horse ")
    assert hash_password("correct horse") != hashed


def test_no_account_and_a_broken_hash_are_a_plain_no() -> None:
    assert not is_password(None, "anything")
    assert not is_password("nonsense", "anything")


def test_the_library_has_the_strength_we_rely_on() -> None:
    hasher = PasswordHasher()
    assert hasher.type is Type.ID
    assert hasher.memory_cost >= 19_456
    assert hasher.time_cost >= 2


def test_weak_and_endless_passwords_are_refused() -> None:
    assert password_problem("1234567")
    assert password_problem("x" * 1001)
    assert password_problem("plum harbour quite slow") is None


@pytest.mark.parametrize("password", ["12345678", "password123", "P@ssw0rd!", "aaaaaaaaaaaa"])
def test_passwords_that_leaked_often_are_refused(password: str) -> None:
    assert password_problem(password)


def test_a_password_out_of_the_own_address_is_refused() -> None:
    assert password_problem("wilhelmina", "wilhelmina@corp.example")


def test_a_long_password_is_judged_in_no_time() -> None:
    began = monotonic()
    password_problem("ab1" * 300)
    assert monotonic() - began < 1


def test_every_warning_of_the_library_can_be_translated() -> None:
    source = ast.parse(inspect.getsource(feedback))
    said = {
        call.args[0].value
        for call in ast.walk(source)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "_"
        and isinstance(call.args[0], ast.Constant)
    }
    assert set(WARNINGS) <= said
    assert not [
        text for text in said - set(WARNINGS) if text.endswith(("easy to guess.", "password."))
    ]


def test_a_warning_is_said_in_the_language_that_is_spoken() -> None:
    assert str(password_problem("abcdefgh")).startswith("Sequences like")
    with speaking("fr"):
        assert str(password_problem("abcdefgh")).startswith("Les suites comme")
