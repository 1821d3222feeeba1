"""The page of a site on which reports and alerts are set up, tried, and seen to have been sent.

Who is told and what is watched are ``recipients`` and ``portal.alerts``. The one invariant: only
who may change the site sees or does any of it, because a chat's address is worth what it opens.
"""

import secrets
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from flask_wtf import FlaskForm
from sqlalchemy import select

from portal.accounts.signin import me
from portal.alerts.kinds import KINDS as ALERT_KINDS
from portal.config import here
from portal.goals.known import goals_of
from portal.language import LANGUAGES, N_, _, speaking, spoken
from portal.messages.forms import AlertForm, GetsForm, RecipientForm
from portal.messages.message import TOPICS, Message, Topic
from portal.messages.outbox import State, put, sent_lately
from portal.messages.recipients import (
    KINDS,
    Kind,
    Wanted,
    add_recipient,
    read_gets,
    recipient_of,
    recipients_of,
)
from portal.messages.ways import Ways, deliver
from portal.models import AlertRule, Delivery, Recipient, Site
from portal.needs import needs
from portal.sessions import end_reading, reading
from portal.sites.access import site_or_stop
from portal.sites.fields import FieldError
from portal.teams.rights import Right

blueprint = Blueprint("messages", __name__, url_prefix="/sites/<host>/reports")
MOST_ALERTS = 50
STATES = {
    State.WAITING: N_("waits"),
    State.CLAIMED: N_("is being sent"),
    State.SENT: N_("sent"),
    State.FAILED: N_("failed"),
    State.UNKNOWN: N_("not known"),
}


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("")
@needs(Right.EDIT_SITE)
def page(host: str) -> ResponseReturnValue:
    """Show who is told what, what is watched, and what was sent."""
    return _page(_site(host))


def _site(host: str) -> Site:
    return site_or_stop(host, Right.EDIT_SITE)


def _page(
    site: Site, recipient: RecipientForm | None = None, alert: AlertForm | None = None
) -> tuple[str, int]:
    forms = (
        recipient or RecipientForm(formdata=None, gets=list(TOPICS), language=spoken(), prefix=""),
        alert or AlertForm(formdata=None, quiet_h=24),
    )
    ways = here().config.ways
    shown = render_template(
        "messages/page.html",
        site=site,
        recipients=recipients_of(reading(), site.id),
        alerts=_alerts(site.id),
        sent=sent_lately(reading(), site.id),
        form=forms[0],
        alert_form=forms[1],
        goals=[goal.name for goal in goals_of(reading(), site)],
        kinds=KINDS,
        alert_kinds=ALERT_KINDS,
        topics=TOPICS,
        states=STATES,
        languages=LANGUAGES,
        mails=ways is not None and ways.mail is not None,
    )
    return shown, 422 if any(form.errors for form in forms) else 200


def _ways() -> Ways:
    ways = here().config.ways
    return ways if ways is not None else abort(404)


def _alerts(site_id: int) -> list[AlertRule]:
    query = select(AlertRule).where(AlertRule.site_id == site_id)
    return list(reading().scalars(query.order_by(AlertRule.id)))


@blueprint.post("/recipients")
@needs(Right.EDIT_SITE)
def add(host: str) -> ResponseReturnValue:
    """Add a recipient."""
    site, form, ways = _site(host), RecipientForm(), _ways()
    if form.validate_on_submit():
        try:
            number = _add(site, form.wanted(), ways)
        except FieldError as error:
            _show(form, error)
        else:
            flash(_("Added. Send a test to see that it arrives."), "good")
            if form.kind.data == Kind.WEBHOOK:  # Its key is wanted next.
                return redirect(url_for(".change", host=site.host, recipient_id=number))
            return redirect(url_for(".page", host=site.host))
    return _page(site, recipient=form)


def _add(site: Site, wanted: Wanted, ways: Ways) -> int:
    if wanted.kind is Kind.EMAIL and ways.mail is None:
        raise FieldError("kind", _("No mail server is set (STATFLOW_SMTP_URL)."))
    with here().database.writing() as session:
        owner = session.get_one(Site, site.id)
        return add_recipient(session, owner, wanted, here().now(), ways.poster.problem).id


@blueprint.route("/recipients/<int:recipient_id>", methods=["GET", "POST"])
@needs(Right.EDIT_SITE)
def change(host: str, recipient_id: int) -> ResponseReturnValue:
    """Show one recipient, and change what it gets."""
    site = _site(host)
    row = _recipient(site, recipient_id)
    form = GetsForm(data={"gets": row.gets, "language": row.language})
    if form.validate_on_submit():
        end_reading()
        with here().database.writing() as session:
            changed = session.get_one(Recipient, row.id)
            changed.gets = read_gets(tuple(form.gets.data or ()))
            changed.language = form.language.data
        flash(_("Saved."), "good")
        return redirect(url_for("messages.page", host=site.host))
    shown = render_template(
        "messages/change.html",
        site=site,
        row=row,
        form=form,
        kinds=KINDS,
        kind=Kind(row.kind),
        languages=LANGUAGES,
    )
    return shown, 422 if form.errors else 200


def _recipient(site: Site, recipient_id: int) -> Recipient:
    found = recipient_of(reading(), site.id, recipient_id)
    return found if found is not None else abort(404)


@blueprint.post("/recipients/<int:recipient_id>/remove")
@needs(Right.EDIT_SITE)
def remove(host: str, recipient_id: int) -> ResponseReturnValue:
    """Remove a recipient."""
    site = _site(host)
    row = _recipient(site, recipient_id)
    end_reading()
    with here().database.writing() as session:
        session.delete(session.get_one(Recipient, row.id))
    flash(_("%(address)s gets no more messages.", address=row.address), "good")
    return redirect(url_for("messages.page", host=site.host))


@blueprint.post("/recipients/<int:recipient_id>/test")
@needs(Right.EDIT_SITE)
def test(host: str, recipient_id: int) -> ResponseReturnValue:
    """Send a test now and say what became of it."""
    site = _site(host)
    row = _recipient(site, recipient_id)
    ways = _ways()
    if wait_s := here().test_messages.take(str(me().id), here().now().timestamp()):
        flash(_("Too many tests: wait %(wait_s)s seconds.", wait_s=wait_s), "bad")
        return redirect(url_for("messages.page", host=site.host))
    end_reading()
    with here().database.writing() as session:
        told = session.get_one(Recipient, row.id)
        key = f"test-{secrets.token_hex(8)}"
        with speaking(told.language):
            message = _test_message(site.host)
        (number,) = put(session, key, message, [told], here().now())
    state = deliver(here().database, ways, number, here().now)
    flash(*_told(number, state))
    return redirect(url_for("messages.page", host=site.host))


def _test_message(host: str) -> Message:
    return Message(
        topic=Topic.TEST,
        site=host,
        title=_("Test from %(host)s", host=host),
        text=_("If you read this, reports and alerts arrive here."),
        path=f"/sites/{host}",
        language=spoken(),
    )


def _told(number: int, state: State | None) -> tuple[str, str]:
    with here().database.reading() as session:
        row = session.get_one(Delivery, number)
    if state is State.SENT:
        return _("The test to %(to)s is sent. %(said)s", to=row.sent_to, said=_(row.said)), "good"
    told = {"to": row.sent_to, "said": _(row.said)}
    if state is State.WAITING:
        return _(
            "The test to %(to)s did not go through. %(said)s It is tried again by itself.", **told
        ), "bad"
    return _("The test to %(to)s did not go through. %(said)s", **told), "bad"


@blueprint.post("/alerts")
@needs(Right.EDIT_SITE)
def add_alert(host: str) -> ResponseReturnValue:
    """Watch something."""
    site, form = _site(host), AlertForm()
    if form.validate_on_submit():
        try:
            row = _alert(site, form)
            with here().database.writing() as session:
                session.add(row)
        except FieldError as error:
            _show(form, error)
        else:
            flash(_("It is watched from now on."), "good")
            return redirect(url_for("messages.page", host=site.host))
    return _page(site, alert=form)


def _alert(site: Site, form: AlertForm) -> AlertRule:
    kind = ALERT_KINDS[form.what.data]
    goal = (form.goal.data or "") if kind.name == "goal" else ""
    if len(_alerts(site.id)) >= MOST_ALERTS:
        raise FieldError(
            "what", _("A site has at most %(most_alerts)s alerts.", most_alerts=MOST_ALERTS)
        )
    if kind.name == "goal" and goal not in {g.name for g in goals_of(reading(), site)}:
        raise FieldError("goal", _("Choose a goal of this site."))
    typed = form.threshold.data
    return AlertRule(
        site_id=site.id,
        kind=kind.name,
        threshold=kind.usual if typed is None else typed,
        goal=goal,
        quiet_h=form.quiet_h.data,
        created_at=here().now(),
    )


@blueprint.post("/alerts/<int:alert_id>/remove")
@needs(Right.EDIT_SITE)
def remove_alert(host: str, alert_id: int) -> ResponseReturnValue:
    """Watch it no more."""
    site = _site(host)
    end_reading()
    with here().database.writing() as session:
        row = session.get(AlertRule, alert_id)
        if row is None or row.site_id != site.id:
            abort(404)
        session.delete(row)
    flash(_("It is watched no more."), "good")
    return redirect(url_for("messages.page", host=site.host))


def _show(form: FlaskForm, error: FieldError) -> None:
    field: Any = form[error.field if error.field in form else "address"]
    field.errors = [*field.errors, str(error)]
