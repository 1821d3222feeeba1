"""Certificates of erasures: a team's, also of sites that are no more, and all for administrators.

The one invariant: a team sees what was erased of its own sites only; administrators see every
certificate, which holds no number of a visitor.
"""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from sqlalchemy import select

from portal.accounts.signin import me
from portal.data.certificates import TABLES, as_file, digest, read_statement
from portal.data.requests import requests_of_all
from portal.models import ErasureRequest, Site
from portal.needs import Who, needs
from portal.sessions import reading
from portal.teams.rights import Right
from portal.teams.views import team_or_stop

blueprint = Blueprint("certificates", __name__)
MOST_ROWS = 500


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("/teams/<int:team_id>/erasures")
@needs(Right.ERASE_DATA)
def team_list(team_id: int) -> ResponseReturnValue:
    """List what was erased of a team's sites."""
    team = team_or_stop(team_id)
    rows = requests_of_all(reading(), _sites_of(team_id), {team_id}, whole=False, most=MOST_ROWS)
    return _list(rows, of_team=team)


@blueprint.get("/teams/<int:team_id>/erasures/<key>")
@needs(Right.ERASE_DATA)
def of_team(team_id: int, key: str) -> ResponseReturnValue:
    """Show one certificate, or how far it is."""
    return _show(_found(team_id, key), of_team=team_id)


@blueprint.get("/teams/<int:team_id>/erasures/<key>.json")
@needs(Right.ERASE_DATA)
def of_team_as_file(team_id: int, key: str) -> ResponseReturnValue:
    """Hand a certificate out as a file."""
    return _file(_found(team_id, key))


def _found(team_id: int, key: str) -> ErasureRequest:
    team_or_stop(team_id)
    row = reading().get(ErasureRequest, key)
    if row is None:
        return abort(404)
    site = reading().get(Site, row.site_id)
    owner = row.team_id if site is None else site.team_id
    return row if owner == team_id else abort(404)


def _sites_of(team_id: int) -> set[int]:
    return set(reading().scalars(select(Site.id).where(Site.team_id == team_id)))


@blueprint.get("/admin/erasures")
@needs(Who.ADMINISTRATOR)
def all_list() -> ResponseReturnValue:
    """List what was erased in the installation."""
    _only_administrators()
    return _list(requests_of_all(reading(), set(), set(), whole=True, most=MOST_ROWS))


@blueprint.get("/admin/erasures/<key>")
@needs(Who.ADMINISTRATOR)
def of_all(key: str) -> ResponseReturnValue:
    """Show one certificate."""
    _only_administrators()
    return _show(_any(key))


@blueprint.get("/admin/erasures/<key>.json")
@needs(Who.ADMINISTRATOR)
def of_all_as_file(key: str) -> ResponseReturnValue:
    """Hand a certificate out as a file."""
    _only_administrators()
    return _file(_any(key))


def _only_administrators() -> None:
    if not me().is_admin:
        abort(403)


def _any(key: str) -> ErasureRequest:
    return reading().get(ErasureRequest, key) or abort(404)


def _list(rows: list[ErasureRequest], of_team: Any = None) -> str:
    def address(row: ErasureRequest) -> str:
        if of_team is None:
            return url_for("certificates.of_all", key=row.key)
        return url_for("certificates.of_team", team_id=of_team.id, key=row.key)

    return render_template("data/erasures.html", rows=rows, team=of_team, address=address)


def _show(row: ErasureRequest, of_team: int | None = None) -> str:
    file = (
        url_for("certificates.of_team_as_file", team_id=of_team, key=row.key)
        if of_team is not None
        else url_for("certificates.of_all_as_file", key=row.key)
    )
    return render_template(
        "data/certificate.html",
        row=row,
        stated=read_statement(row.statement) if row.statement else None,
        tables=TABLES,
        file=file,
        sha256=digest(row.statement),
        moment=_moment,
    )


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _file(row: ErasureRequest) -> Response:
    if not row.statement:
        abort(404)
    name = f"erasure-{row.key[:12]}.json"
    answer: Response = jsonify(as_file(row))
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
