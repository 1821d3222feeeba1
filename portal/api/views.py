"""Questions to the store by HTTP: ``POST /api/v2/query``, ``funnel``, ``journeys``, ``retention``.

Those to what the tracker's modules saw are listed in ``portal.api.behaviour``. What a question
means is ``store.query``; who may ask is ``portal.api.callers``; what a site keeps is
``portal.api.kept_views``, the older form ``portal.api.older``.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from portal.api.behaviour import QUESTIONS, Question
from portal.api.callers import STATS_READ, RefusedError, caller_at, token_with
from portal.api.errors import problem
from portal.config import here
from portal.needs import OfToken, needs
from portal.sessions import end_reading
from store.client import StoreError, StoreUnavailable
from store.query.funnels import parse_funnel_question, run_funnel
from store.query.journeys import parse_journey_question, run_journeys
from store.query.model import QueryError, QuerySite
from store.query.parse import parse_query
from store.query.retention import parse_retention_question, run_retention
from store.query.run import run_query

blueprint = Blueprint("api", __name__, url_prefix="/api")


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> ResponseReturnValue:
    """Answer what a check refused."""
    return error.answer


@blueprint.errorhandler(QueryError)
def not_answerable(error: QueryError) -> ResponseReturnValue:
    """Say what is wrong with a question, where, and what is allowed there."""
    return problem(400, error.code, error.message, field=error.field, allowed=error.allowed)


@blueprint.errorhandler(StoreUnavailable)
def store_away(_: StoreUnavailable) -> ResponseReturnValue:
    """Ask for another try."""
    message = "The store does not answer at the moment. Try again."
    return problem(503, "store_unavailable", message, headers={"Retry-After": "5"})


@blueprint.errorhandler(StoreError)
def store_refused(error: StoreError) -> ResponseReturnValue:
    """Say that it failed; what the store said stays in the log."""
    g.store_error = error
    return problem(503, "query_failed", "The store could not answer this question.")


@blueprint.post("/v2/query")
@needs(OfToken(STATS_READ))
def query() -> ResponseReturnValue:
    """Answer one question."""
    return answered(_query)


@blueprint.post("/v2/funnel")
@needs(OfToken(STATS_READ))
def funnel() -> ResponseReturnValue:
    """Follow one funnel."""
    return answered(_funnel, funnels=True)


def answered(
    ask: Callable[[dict[str, Any], QuerySite], dict[str, Any]], *, funnels: bool = False
) -> ResponseReturnValue:
    """Find who asks about which site, and answer the question in the body."""
    token = token_with(STATS_READ)
    payload = request.get_json(force=True, silent=True)
    if not isinstance(payload, dict):
        return problem(400, "invalid_json", "The body must be a JSON object.")
    site = caller_at(token, STATS_READ, payload.get("site_id")).query_site(funnels=funnels)
    end_reading()
    return jsonify(ask(payload, site))


@blueprint.post("/v2/journeys")
@needs(OfToken(STATS_READ))
def journeys() -> ResponseReturnValue:
    """Follow journeys."""
    return answered(_journeys)


@blueprint.post("/v2/retention")
@needs(OfToken(STATS_READ))
def retention() -> ResponseReturnValue:
    """Follow cohorts."""
    return answered(_retention)


def _behaviour(question: Question) -> ResponseReturnValue:
    def ask(payload: dict[str, Any], site: QuerySite) -> dict[str, Any]:
        return question.ask(here().questions(), payload, site, here().now())

    return answered(ask)


for _question in QUESTIONS:
    blueprint.add_url_rule(
        f"/v2/{_question.name}",
        _question.name,
        needs(OfToken(STATS_READ))(partial(_behaviour, _question)),
        methods=["POST"],
    )


def _query(payload: dict[str, Any], site: QuerySite) -> dict[str, Any]:
    result = run_query(here().questions(), parse_query(payload, site), site, here().now())
    return {"results": result.results, "meta": result.meta, "query": result.query}


def _funnel(payload: dict[str, Any], site: QuerySite) -> dict[str, Any]:
    return run_funnel(here().questions(), parse_funnel_question(payload, site), site, here().now())


def _journeys(payload: dict[str, Any], site: QuerySite) -> dict[str, Any]:
    return run_journeys(
        here().questions(), parse_journey_question(payload, site), site, here().now()
    )


def _retention(payload: dict[str, Any], site: QuerySite) -> dict[str, Any]:
    question = parse_retention_question(payload, site)
    return run_retention(here().questions(), question, site, here().now())
