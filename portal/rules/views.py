"""The page of a site's rules: edit them one by one or as text, and try an address.

Whoever may see the site may read and try; editing takes the right to edit. Every change goes
through ``portal.sites.switches`` and is published at once. The one invariant: a change that was
made on a list which somebody else has changed since is not saved.
"""

import logging
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.accounts.signin import me
from portal.config import here
from portal.language import N_, _
from portal.models import Site
from portal.needs import needs
from portal.rules.changes import moved, put, seal, without, write_props
from portal.rules.words import doing_of, groups, told
from portal.sessions import reading
from portal.sites.access import site_or_stop
from portal.sites.fields import FieldError
from portal.sites.payload import injection_is_on, site_payload
from portal.sites.publishing import publish_sites
from portal.sites.switches import change_site
from portal.teams.rights import Right, sites_with
from rules.loader import RuleError, plain_rule
from rules.text import parse_text, render_text

blueprint = Blueprint("rules", __name__)
log = logging.getLogger(__name__)

ASKED = ("url", "referrer", "status", "headers", "address")
FIELDS = ("does", "values", "to", "when", "name", "props", "id")
_STATUSES = range(200, 600)
_MAX_HEADERS = 20
_OWN_HEADERS = ("User-Agent", "Accept-Language")
_STALE = N_("Somebody else has changed these rules meanwhile. Look at them, then try again.")


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("/sites/<host>/rules")
@needs(Right.VIEW_STATS)
def page(host: str) -> ResponseReturnValue:
    """Show a site's rules and, where an address is asked for, the whole decision about it."""
    return _render(site_or_stop(host))


@blueprint.post("/sites/<host>/rules")
@needs(Right.EDIT_SITE)
def change(host: str) -> ResponseReturnValue:
    """Change a site's rules by one step, or all of them as text."""
    site = site_or_stop(host)
    form = request.form
    try:
        if form.get("act") == "try":
            return _render(site, typed=form, draft=_changed(site.rules, form))
        _save(site.id, form)
    except RuleError as error:
        reading().refresh(site)
        return _render(site, typed=form, problem=error)
    except FieldError as error:
        return _render(site, typed=form, problem=RuleError((), str(error)))
    warning = publish_sites()
    flash(
        warning or _("Saved, and the edge follows within two seconds."),
        "warn" if warning else "good",
    )
    view = "?as=text" if form.get("act") == "text" else ""
    return redirect(url_for("rules.page", host=site.host) + view)


def _changed(rules: list[dict[str, Any]], form: Mapping[str, str]) -> list[dict[str, Any]]:
    """Do what the pressed button says.

    Raises:
        RuleError: What was typed is wrong.
    """
    rule_id = form.get("rule", "")
    match form.get("act"):
        case "text" | "try":
            return [plain_rule(rule) for rule in parse_text(form.get("text", ""))]
        case "delete":
            return without(rules, rule_id)
        case "up":
            return moved(rules, rule_id, -1)
        case "down":
            return moved(rules, rule_id, 1)
        case _:
            return put(rules, form, rule_id)


def _save(site_id: int, form: Mapping[str, str]) -> None:
    """Change the rules, unless they are others than those that the person saw.

    Raises:
        RuleError: They are, or what was typed is wrong.
    """
    with here().database.writing() as session:
        site = session.get_one(Site, site_id, with_for_update=True)
        if form.get("seen") != seal(site.rules):
            raise RuleError((), _STALE)
        change_site(session, site, {"rules": render_text(_changed(site.rules, form))})


def _render(
    site: Site,
    typed: Mapping[str, str] | None = None,
    problem: RuleError | None = None,
    draft: list[dict[str, Any]] | None = None,
) -> ResponseReturnValue:
    """Show the page: as it is asked for, or with what was typed; a ``draft`` is only tried."""
    may_edit = site.id in {s.id for s in sites_with(reading(), me().id, Right.EDIT_SITE)}
    as_text = (typed or {}).get("act") in {"text", "try"} or request.args.get("as") == "text"
    asked = request.args if typed is None else {"url": typed.get("try_url", "")}
    rules = site.rules if draft is None else draft
    page = render_template(
        "rules/page.html",
        site=site,
        may_edit=may_edit,
        as_text=as_text,
        rules=[told(rule) for rule in site.rules],
        text=(typed or {}).get("text") or render_text(site.rules),
        seen=seal(site.rules),
        groups=groups(),
        form=_form(site, typed),
        problem=problem,
        trial=_trial({**site_payload(site), "rules": rules}, asked),
        is_draft=draft is not None,
    )
    return page, 422 if problem else 200


def _form(site: Site, typed: Mapping[str, str] | None) -> dict[str, str]:
    """Fill the form of one rule: with what was typed, with the rule to edit, or with nothing."""
    if typed is not None and typed.get("act") == "put":
        return {"rule": typed.get("rule", ""), **{name: typed.get(name, "") for name in FIELDS}}
    edited = next((r for r in site.rules if r["id"] == request.args.get("edit")), None)
    doing = doing_of(edited) if edited else None
    if edited is None or doing is None:
        return {"rule": "", **dict.fromkeys(FIELDS, "")}
    return {
        "rule": edited["id"],
        "does": doing.key,
        "values": "\n".join(edited[doing.subject.value]),
        "props": write_props(edited.get("props", {})),
        **{name: edited.get(name, "") for name in ("id", "to", "when", "name")},
    }


def _trial(site: dict[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Try the address that is asked for on a site as the edge would have it."""
    asked = {name: given.get(name, "").strip() for name in ASKED}
    if not asked["url"]:
        return {"asked": asked, "said": None, "problem": ""}
    try:
        said = here().config.explain(site, _question(site, asked))
    except ValueError as error:
        return {"asked": asked, "said": None, "problem": str(error)}
    except Exception:
        log.exception("an address cannot be explained")
        problem = _("This address cannot be explained just now. Pages pass all the same.")
        return {"asked": asked, "said": None, "problem": problem}
    return {"asked": asked, "said": said, "problem": ""}


def _question(site: Mapping[str, Any], asked: Mapping[str, str]) -> dict[str, Any]:
    """Read what was typed.

    Raises:
        ValueError: It cannot be asked; the message says what to type.
    """
    url = asked["url"]
    if url.startswith("/"):
        scheme = "http" if site["https"] == "off" else "https"
        url = f"{scheme}://{site['host']}{url}"
    status = asked["status"] or "200"
    if not (status.isascii() and status.isdecimal() and int(status) in _STATUSES):
        raise ValueError("The status is a number from 200 to 599.")
    headers = [line.partition(":") for line in asked["headers"].splitlines() if line.strip()]
    if len(headers) > _MAX_HEADERS or not all(name.strip() and colon for name, colon, _ in headers):
        raise ValueError(f"Headers are Name: value, one a line, at most {_MAX_HEADERS}.")
    pairs = [(name.strip(), value.strip()) for name, _, value in headers]
    named = {name.lower() for name, _ in pairs}
    # Who asks is taken for the visitor, unless the headers say else.
    own = [name for name in _OWN_HEADERS if name.lower() not in named and name in request.headers]
    pairs += [(name, request.headers[name]) for name in own]
    if asked["referrer"]:
        pairs.append(("Referer", asked["referrer"]))
    return {
        "url": url,
        "status": int(status),
        "headers": pairs,
        "address": asked["address"],
        "injection": injection_is_on(reading()),
    }
