"""The page of a site's rules: who may edit, what is saved, what is said of an address."""

from collections.abc import Callable
from typing import Any

import pytest

from portal.models import Role
from portal.rules.changes import seal
from statflow.explaining import Explainer
from statflow.settings import read_settings
from tests.portal.conftest import Person, Portal

PATH = "/sites/one.example/rules"
RULES: list[dict[str, Any]] = [
    {"id": "admin", "kind": "inject", "action": "exclude", "paths": ["/admin/**"]},
    {"id": "users", "kind": "privacy", "action": "mask", "paths": ["/u/*"], "to": "/u/:id"},
]
EXPLAIN = Explainer(read_settings({}))


@pytest.fixture
def shop(make_portal: Callable[..., Portal]) -> Portal:
    portal = make_portal(explain=EXPLAIN)
    portal.site("one.example")
    return portal


def stored(portal: Portal) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = portal.published[-1].sites[0]["rules"]
    return found


def save(person: Person, rules: list[dict[str, Any]], seen: list[dict[str, Any]]) -> Any:
    text = str(rules).replace("'", '"')
    return person.post(PATH, {"act": "text", "text": text, "seen": seal(seen)})


def test_a_rule_is_added_edited_moved_and_deleted_without_scripts(shop: Portal) -> None:
    person = shop.user("a@b.c", Role.EDITOR)
    typed = {"act": "put", "rule": "", "does": "inject.exclude.paths", "values": "/admin/**"}
    assert person.post(PATH, {**typed, "id": "admin", "seen": seal([])}).status_code == 302
    assert stored(shop) == RULES[:1]
    mask = {**typed, "does": "privacy.mask.paths", "values": "/u/*", "to": "/u/:id", "id": "users"}
    person.post(PATH, {**mask, "seen": seal(RULES[:1])})
    assert stored(shop) == RULES
    page = person.get(PATH).text
    assert "Keep the script out of" in page
    assert "/admin/**" in page
    assert 'value="/u/:id"' in person.get(f"{PATH}?edit=users").text
    person.post(PATH, {**mask, "rule": "users", "to": "/u/:name", "seen": seal(RULES)})
    changed = [RULES[0], {**RULES[1], "to": "/u/:name"}]
    assert stored(shop) == changed
    person.post(PATH, {"act": "up", "rule": "users", "seen": seal(changed)})
    assert [rule["id"] for rule in stored(shop)] == ["users", "admin"]
    person.post(PATH, {"act": "delete", "rule": "users", "seen": seal(changed[::-1])})
    assert stored(shop) == RULES[:1]


def test_the_same_rules_are_edited_as_text(shop: Portal) -> None:
    person = shop.user("a@b.c", Role.OWNER)
    assert save(person, RULES, []).status_code == 302
    assert stored(shop) == RULES
    assert "paths: [/admin/**]" in person.get(f"{PATH}?as=text").text


def test_what_is_wrong_is_said_at_the_line_and_what_was_typed_is_kept(shop: Portal) -> None:
    person = shop.user("a@b.c", Role.OWNER)
    text = "rules:\n- id: mine\n  kind: inject\n  action: exclude\n  paths: [shop]\n"
    answer = person.post(PATH, {"act": "text", "text": text, "seen": seal([])})
    assert answer.status_code == 422
    assert "<strong>Line 5:</strong> expected a path such as" in answer.text
    assert "id: mine" in answer.text
    assert shop.published == []
    typed = {"act": "put", "does": "traffic.drop.networks", "values": "10.0.0.1/24"}
    answer = person.post(PATH, {**typed, "seen": seal([])})
    assert answer.status_code == 422
    assert "Expected an address or a network" in answer.text
    assert "10.0.0.1/24</textarea>" in answer.text


def test_a_list_that_somebody_else_changed_is_not_overwritten(shop: Portal) -> None:
    person = shop.user("a@b.c", Role.OWNER)
    save(person, RULES, [])
    answer = person.post(PATH, {"act": "delete", "rule": "users", "seen": seal([])})
    assert answer.status_code == 422
    assert "Somebody else has changed these rules" in answer.text
    assert stored(shop) == RULES


def test_a_viewer_reads_and_tries_and_cannot_save(shop: Portal) -> None:
    save(shop.user("o@b.c", Role.OWNER), RULES, [])
    person = shop.user("a@b.c", Role.VIEWER)
    page = person.get(PATH).text
    assert "/admin/**" in page
    assert 'value="delete"' not in page
    assert "Add a rule" not in page
    assert "readonly" in person.get(f"{PATH}?as=text").text
    assert "passes untouched" in person.get(f"{PATH}?url=/admin/x").text
    refused = person.post(PATH, {"act": "delete", "rule": "users", "seen": seal(RULES)})
    assert refused.status_code == 403


def tried(portal: Portal, query: str, who: str = "t@b.c") -> str:
    return portal.user(who, Role.VIEWER).get(f"{PATH}?{query}").text


def test_an_address_is_tried_with_all_that_decides(shop: Portal) -> None:
    save(shop.user("o@b.c", Role.OWNER), RULES, [])
    page = tried(
        shop,
        "url=/u/7%3Futm_source%3Dletter%26email%3Da%40b.example&headers=User-Agent:+Mozilla/5.0",
    )
    for words in ("The page gets the script", "/u/:id", "letter", "users", "wordpress-admin"):
        assert words in page
    assert "Referral" in page
    assert "[email]" not in page.split("What a view of it leaves")[1]
    dropped = tried(shop, "url=https://one.example/&headers=DNT:+1", "u@b.c")
    assert "Nothing: <code>dnt</code>" in dropped
    untouched = tried(shop, "url=https://one.example/&status=304", "v@b.c")
    assert "not_modified" in untouched


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("url=nonsense", "expected http://HOST/PATH"),
        ("url=/&status=99", "a number from 200 to 599"),
        ("url=/&headers=nonsense", "Name: value, one a line"),
        ("url=/&address=nonsense", "nonsense"),
        ("url=http://[/", ""),
    ],
)
def test_a_question_that_cannot_be_asked_says_what_to_type(
    shop: Portal, query: str, words: str
) -> None:
    page = tried(shop, query)
    assert 'id="trial-problem"' in page
    assert words in page


def test_a_portal_whose_explanation_fails_says_so(make_portal: Callable[..., Portal]) -> None:
    def fails(_site: dict[str, Any], _question: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("away")

    portal = make_portal(explain=fails)
    portal.site("one.example")
    assert "cannot be explained just now" in tried(portal, "url=/")


def test_a_text_is_tried_before_it_is_saved(shop: Portal) -> None:
    person = shop.user("a@b.c", Role.EDITOR)
    text = "rules:\n- id: mine\n  kind: inject\n  action: exclude\n  paths: [/new/**]\n"
    typed = {"act": "try", "text": text, "try_url": "/new/x", "seen": seal([])}
    answer = person.post(PATH, typed)
    assert answer.status_code == 200
    assert "passes untouched" in answer.text
    assert "which are not saved" in answer.text
    assert "id: mine" in answer.text
    assert shop.published == []
    assert "gets the script" in person.get(f"{PATH}?url=/new/x").text
    wrong = person.post(PATH, {**typed, "text": "rules: 7"})
    assert wrong.status_code == 422
    assert "Line 1:" in wrong.text
