import threading
import pytest
from waitress.server import create_server
from tests.portal.conftest import PASSWORD
from tests.portal.dashboard.test_browser import chromium, browser
from tests.portal.dashboard.test_imports import *
from portal.models import Role, Site, SiteHost
pytestmark=[pytest.mark.timeout(280)]
def test_shot(make_portal, store, moved, browser):
    portal = make_portal(store)
    with portal.database.writing() as session:
        session.add(Site(id=moved, team_id=1, host="moved.example", public_key="stk_m", created_at=NOW, upstreams=["http://a:1"], hosts=[SiteHost(host="moved.example")]))
    portal.user("a@b.c", Role.OWNER)
    server = create_server(portal.app, host="127.0.0.1", port=0, threads=4)
    t = threading.Thread(target=server.run, daemon=True); t.start()
    base=f"http://127.0.0.1:{server.effective_port}"
    for name, opts in {"desktop":{"viewport":{"width":1280,"height":900}},"phone":{"viewport":{"width":320,"height":700}},"dark":{"viewport":{"width":1280,"height":900},"color_scheme":"dark"}}.items():
        ctx=browser.new_context(**opts); page=ctx.new_page(); page.set_default_timeout(60000)
        page.goto(base+"/login"); page.fill("[name=email]","a@b.c"); page.fill("[name=password]",PASSWORD); page.press("[name=password]","Enter"); page.wait_for_load_state()
        page.goto(base+"/sites/moved.example"); page.wait_for_timeout(6000)
        page.screenshot(path=f"/tmp/b/{name}.png", full_page=True); ctx.close()
    server.close()
