"""The portal's application factory: one function that puts the parts together, in order."""

from flask import Flask
from flask_wtf import CSRFProtect

from portal import health
from portal.accounts import account, again, factor_views, forgotten, joining, second, sso_views
from portal.accounts import tokens as token_views
from portal.accounts import views as account_views
from portal.accounts.signin import install_login
from portal.admin import views as admin_views
from portal.api import events as event_views
from portal.api import kept_views, manage_views, older, older_sites, openapi, people_views
from portal.api import views as api_views
from portal.audit import views as audit_views
from portal.behaviour import views as behaviour_views
from portal.config import PortalConfig, install
from portal.dashboard import views as dashboard_views
from portal.data import certificate_views
from portal.data import privacy as privacy_views
from portal.data import views as data_views
from portal.design import views as design_views
from portal.errors import install_errors
from portal.funnels import settings as funnel_settings
from portal.funnels import views as funnel_views
from portal.goals import views as goal_views
from portal.imports import views as import_views
from portal.journeys import views as journey_views
from portal.language import install_language
from portal.live import views as live_views
from portal.messages import leaving
from portal.messages import views as message_views
from portal.metrics import install_metrics
from portal.notes import views as note_views
from portal.packing import install_packing
from portal.page import install_page
from portal.pictures import views as picture_views
from portal.properties import views as property_views
from portal.retention import views as retention_views
from portal.rules import views as rule_views
from portal.security import install_headers, session_settings
from portal.segments import views as segment_views
from portal.served import views as served_views
from portal.sessions import close_after_requests
from portal.sharing import manage as sharing_views
from portal.sharing import readers as reader_views
from portal.sites import capture as capture_views
from portal.sites import verify as verify_views
from portal.sites import views as site_views
from portal.styles import Styled
from portal.teams import views as team_views

__all__ = ["PortalConfig", "create_app"]


def create_app(config: PortalConfig) -> Flask:
    """Build the portal; the database must be migrated (``Database.migrate``) before it serves."""
    https = config.public_url.startswith("https:")
    app = Styled("portal")
    app.config.update(SECRET_KEY=config.secret_key, **session_settings(https=https))
    install(app, config)
    install_metrics(app)
    install_headers(app, https=https)
    csrf = CSRFProtect(app)
    install_login(app)
    close_after_requests(app)
    install_language(app)
    install_packing(app)
    install_page(app)
    install_errors(app)
    of_api = (api_views, older, older_sites, kept_views, manage_views, people_views)
    api = (*of_api, openapi, event_views)
    for part in (*api, leaving):  # Neither signs in with a cookie.
        csrf.exempt(part.blueprint)
    doors = (account_views, second, sso_views, joining, forgotten)
    people = (*doors, account, again, factor_views, token_views, team_views)
    of_sites = (
        site_views,
        capture_views,
        verify_views,
        rule_views,
        dashboard_views,
        sharing_views,
        message_views,
        data_views,
        certificate_views,
        privacy_views,
        import_views,
    )
    counted = (goal_views, property_views, funnel_settings, segment_views, note_views)
    reports = (live_views, funnel_views, journey_views, retention_views)
    figures = (behaviour_views, served_views, picture_views)
    pages = (
        health,
        *people,
        *of_sites,
        *counted,
        *reports,
        *figures,
        audit_views,
        admin_views,
        reader_views,
        design_views,
        leaving,
    )
    for part in (*pages, *api):
        app.register_blueprint(part.blueprint)
    return app
