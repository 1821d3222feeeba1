"""Which language is spoken to whom, and that a page says so."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portal import writing
from portal.accounts import messages
from portal.accounts.mailing import writing_to
from portal.dashboard.figures import FIGURES, change, full, short
from portal.dashboard.places import shown
from portal.language import LANGUAGES, locale, speaking, spoken
from portal.mail import Mail
from portal.models import Role, Site, User
from tests.portal.conftest import Portal

FRENCH = {"Accept-Language": "fr-CA,fr;q=0.9,en;q=0.5"}
NB, NNB = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"


def set_language(portal: Portal, email: str, language: str) -> None:
    with portal.database.writing() as session:
        session.query(User).filter(User.email == email).one().language = language


def test_a_stranger_is_spoken_to_as_the_browser_asks(portal: Portal) -> None:
    person = portal.somebody()
    french = person.get("/login", headers=FRENCH)
    assert "Se connecter" in french.text
    assert '<html lang="fr"' in french.text
    assert french.headers["Content-Language"] == "fr"
    assert "Accept-Language" in french.headers["Vary"]
    for asked in ({}, {"Accept-Language": "nl"}, {"Accept-Language": "fr;q=0, en"}):
        english = person.get("/login", headers=asked)
        assert '<html lang="en"' in english.text
        assert english.headers["Content-Language"] == "en"


def test_the_setting_of_an_account_comes_before_the_browser(portal: Portal) -> None:
    person = portal.user("a@b.c", Role.OWNER)
    answer = person.post("/account/language", {"language": "fr"}, form_at="/account")
    assert answer.status_code == 302
    page = person.get("/account", headers={"Accept-Language": "en"})
    assert "Enregistré." in page.text
    assert "Deuxième étape" in page.text
    person.post("/account/language", {"language": ""}, form_at="/account")
    assert "Second step" in person.get("/account", headers={"Accept-Language": "en"}).text
    assert "Deuxième étape" in person.get("/account", headers=FRENCH).text


def test_a_language_that_is_none_is_refused(portal: Portal) -> None:
    person = portal.user("a@b.c", Role.OWNER)
    answer = person.post("/account/language", {"language": "xx"}, form_at="/account")
    assert answer.status_code == 400


def test_one_page_is_shown_in_the_language_of_its_address(portal: Portal) -> None:
    person = portal.somebody()
    assert "Se connecter" in person.get("/login?lang=fr").text
    assert "Sign in" in person.get("/login?lang=en", headers=FRENCH).text
    assert "Sign in" in person.get("/login?lang=xx").text


def test_a_public_dashboard_keeps_the_language_of_its_address(portal: Portal) -> None:
    number = portal.site("one.example")
    with portal.database.writing() as session:
        session.get_one(Site, number).public = True
    page = portal.somebody().get("/public/one.example?lang=fr").text
    assert '<html lang="fr"' in page
    assert "period=7d&amp;lang=fr" in page
    assert 'hx-get="/public/one.example/current?lang=fr"' in page


def test_a_reader_is_spoken_to_as_the_browser_asks_whoever_they_are(portal: Portal) -> None:
    number = portal.site("one.example")
    with portal.database.writing() as session:
        session.get_one(Site, number).public = True
    person = portal.user("a@b.c", Role.OWNER)
    set_language(portal, "a@b.c", "fr")
    assert '<html lang="en"' in person.get("/public/one.example").text


def test_errors_of_the_api_are_english_in_every_language(portal: Portal) -> None:
    answer = portal.somebody().get("/api/v2/sites", headers=FRENCH)
    assert answer.status_code == 401
    assert answer.json == portal.somebody().get("/api/v2/sites").json


def test_what_is_said_without_a_request_is_english_or_as_wished() -> None:
    assert spoken() == "en"
    with speaking("fr"):
        assert spoken() == "fr"
        assert full(None) == "inconnu"
        with speaking("xx"):
            assert spoken() == "en"
        assert spoken() == "fr"
    assert spoken() == "en"


def test_a_mail_is_in_the_language_of_its_account(make_portal: Callable[..., Portal]) -> None:
    sent = list[Mail]()
    portal = make_portal(send_mail=sent.append, public_url="https://stats.example")
    portal.user("fr@b.c")
    portal.user("none@b.c")
    set_language(portal, "fr@b.c", "fr")
    with portal.app.test_request_context(headers={"Accept-Language": "en"}):
        with writing_to("fr@b.c"):
            assert messages.reset("fr@b.c", "t").subject.startswith("Un nouveau mot de passe")
        with writing_to("none@b.c"):
            assert messages.reset("none@b.c", "t").subject == "A new password on Statflow"
        with writing_to("nobody@b.c", "fr"):
            assert messages.reset("nobody@b.c", "t").subject.startswith("Un nouveau")


def test_a_forgotten_password_is_answered_in_the_language_it_was_asked_in(
    make_portal: Callable[..., Portal],
) -> None:
    sent = list[Mail]()
    portal = make_portal(send_mail=sent.append, public_url="https://stats.example")
    portal.user("a@b.c")
    person = portal.somebody()
    token = person.get("/forgot").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    person.client.post(
        "/forgot",
        data={"csrf_token": token, "email": "a@b.c"},
        headers=FRENCH | {"Referer": "https://localhost/"},
        base_url="https://localhost",
    )
    portal.surroundings.background.join()
    assert [mail.subject for mail in sent] == ["Un nouveau mot de passe sur Statflow"]


@pytest.mark.parametrize(
    ("value", "unit", "english", "french"),
    [
        (1234, "count", "1,234", f"1{NNB}234"),
        (12_345, "count", "12.3k", f"12,3{NB}k"),
        (999_950, "count", "1M", f"1{NB}M"),
        (1_200_000, "count", "1.2M", f"1,2{NB}M"),
        (-12_345, "count", "-12.3k", f"-12,3{NB}k"),
        (4.25, "percent", "4.2%", f"4,2{NB}%"),
        (41.6, "percent", "42%", f"42{NB}%"),
        (125, "seconds", "2m 05s", f"2{NB}min 05{NB}s"),
        (3720, "seconds", "1h 02m", f"1{NB}h 02{NB}min"),
        (1.5, "ratio", "1.50", "1,50"),
    ],
)
def test_a_number_at_a_glance(value: float, unit: str, english: str, french: str) -> None:
    assert short(value, unit) == english
    with speaking("fr"):
        assert short(value, unit) == french


def test_an_amount_keeps_its_currency() -> None:
    amount = {"value": 1234.5, "currency": "EUR", "short": "", "long": ""}
    assert (short(amount), full(amount)) == ("€1.2k", "€1,234.50")
    with speaking("fr"):
        assert (short(amount), full(amount)) == (f"1,2{NB}k{NB}€", f"1{NNB}234,50{NB}€")


def test_days_and_countries() -> None:
    at = datetime(2026, 2, 8, 15, 20, tzinfo=UTC)
    assert writing.day(at) == "2026-02-08"
    assert writing.moment(at) == "2026-02-08 15:20 UTC"
    assert writing.long_day(at) == "Sun 8 Feb 2026"
    assert shown("country", "DE") == "Germany"
    with speaking("fr"):
        assert writing.day(at) == "08/02/2026"
        assert writing.moment(at) == "08/02/2026 15:20 UTC"
        assert writing.long_day(at) == "dim. 8 févr. 2026"
        assert writing.month(at) == "février 2026"
        assert shown("country", "DE") == "Allemagne"
        assert shown("channel", "Organic Search") == "Recherche naturelle"
        assert shown("page", "Direct") == "Direct"


def test_a_change_is_said_in_words() -> None:
    with speaking("fr"):
        moved = change(FIGURES["visitors"], -12, 1500)
        assert moved is not None
        assert moved.text == f"12{NB}%"
        assert (
            moved.words
            == f"en baisse de 12{NB}%{NNB}; c\N{RIGHT SINGLE QUOTATION MARK}était 1{NNB}500 avant"
        )


def test_every_language_is_one_of_babels() -> None:
    for name in LANGUAGES:
        with speaking(name):
            assert locale().language == name
        assert name == "en" or (Path("portal/translations") / name).is_dir()
