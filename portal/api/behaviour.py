"""The questions to ``signals``: by which name each is asked, how it is read, and by what answered.

``portal.api.views`` gives each an address, ``portal.api.openapi_behaviour`` describes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.query.behaviour import clicks, errors, forms, scroll, vitals
from store.query.model import QuerySite
from store.query.run import QueryStore


@dataclass(frozen=True, slots=True)
class Question:
    """One kind of question, ``POST /api/v2/<name>``."""

    name: str
    summary: str
    parse: Callable[[object, QuerySite], Any]
    run: Callable[[QueryStore, Any, QuerySite, datetime], dict[str, Any]]

    def ask(
        self, store: QueryStore, payload: object, site: QuerySite, now: datetime
    ) -> dict[str, Any]:
        """Read a body and answer it.

        Raises:
            QueryError: It is no such question, or costs too much.
        """
        return self.run(store, self.parse(payload, site), site, now)


QUESTIONS: tuple[Question, ...] = (
    Question("clicks", "Count clicks", clicks.parse_click_question, clicks.run_clicks),
    Question("scroll", "Draw scroll maps", scroll.parse_scroll_question, scroll.run_scroll),
    Question("vitals", "Tell web vitals", vitals.parse_vital_question, vitals.run_vitals),
    Question("errors", "Group errors", errors.parse_error_question, errors.run_errors),
    Question("forms", "Tell forms", forms.parse_form_question, forms.run_forms),
)
BY_NAME = {question.name: question for question in QUESTIONS}
