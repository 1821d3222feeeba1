// What pages do in the browser beyond links and forms: menus, dialogs, shortcuts, and cards that fail.
// Works on the whole document by delegation, so that nothing has to be bound again after a swap.
(() => {
  "use strict";

  const texts = JSON.parse(document.body.dataset.texts);
  const dashboard = () => document.querySelector("[data-dashboard]");

  // Without htmx the cards would wait for ever: ask for the page with everything in it.
  function leaveSkeletons() {
    const waits = document.querySelector("[hx-trigger^='load'], [hx-trigger='revealed']");
    const url = new URL(location.href);
    if (!window.htmx && waits && !url.searchParams.has("inline")) {
      url.searchParams.set("inline", "1");
      location.replace(url);
    }
  }

  // Metric and tabs change the URL without a new page; links drawn before must follow.
  function carryChoices(event) {
    const place = dashboard();
    const detail = event.detail;
    if (!place || !detail.path.startsWith(place.dataset.dashboard)) return;
    const tab = /\/cards\/([a-z]+)\?.*\btab=1$/.exec(detail.path);
    if (!detail.boosted && !tab) return;
    const target = new URL(detail.path, location.origin);
    const now = new URLSearchParams(location.search);
    const names = ["metric", ...[...document.querySelectorAll("[id^='card-']")].map((c) => c.id.slice(5))];
    for (const name of names) {
      if (tab && tab[1] === name) continue;
      if (now.has(name)) target.searchParams.set(name, now.get(name));
      else target.searchParams.delete(name);
    }
    if (!tab && now.has("prop")) target.searchParams.set("prop", now.get("prop"));
    detail.path = target.pathname + target.search;
  }

  function closeMenus(except) {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!except || !menu.contains(except)) menu.open = false;
    }
  }

  function onClick(event) {
    const target = event.target;
    closeMenus(target);
    const opener = target.closest("[data-opens]");
    if (opener) open(opener.dataset.opens);
    if (target.closest("[data-closes]") || target.matches("dialog")) target.closest("dialog").close();
    const retry = target.closest("[data-retry]");
    if (retry) window.htmx.trigger(retry.closest(".card"), "retry");
  }

  function open(id) {
    const dialog = document.getElementById(id);
    if (dialog && !dialog.open) dialog.showModal();
  }

  // Up and down go through the rows of a list.
  function moveInRows(event) {
    const row = event.target.closest(".rows tbody tr");
    const by = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
    const next = row && by && row[by]?.querySelector("a");
    if (!next) return false;
    event.preventDefault();
    next.focus();
    return true;
  }

  function onKey(event) {
    if (event.key === "Escape") closeMenus();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, dialog, [contenteditable]")) return;
    if (moveInRows(event)) return undefined;
    if (event.key === "?") return open("help");
    const key = CSS.escape(event.key.toLowerCase());
    const wanted = document.querySelector(`[data-key="${key}"]`);
    if (!wanted) return;
    if (event.key.startsWith("Arrow") && event.target.closest(".scroller, .menu")) return;
    event.preventDefault();
    if (wanted.matches("input")) wanted.focus();
    else wanted.click();
  }

  // A card whose numbers do not come says so in its own place.
  function onCardFailed(event) {
    const card = event.target.closest(".card");
    const body = card && card.querySelector(".card-body");
    if (!body) return;
    const request = event.detail.xhr && event.detail.xhr.getResponseHeader("X-Request-Id");
    const note = document.createElement("p");
    note.className = "muted card-note";
    note.setAttribute("role", "alert");
    note.append(`${texts.failed} `);
    const retry = document.createElement("button");
    retry.type = "button";
    retry.dataset.retry = "";
    retry.textContent = texts.again;
    note.append(retry);
    if (request) {
      const name = document.createElement("span");
      name.className = "caption";
      name.textContent = texts.request.replace("{id}", request);
      note.append(name);
    }
    body.replaceChildren(note);
  }

  // On a phone a site's pages stand in a line that is pushed along; where one is has to be seen.
  function showPlace() {
    for (const link of document.querySelectorAll(".site-nav [aria-current], .side [aria-current]")) {
      const line = link.parentElement;
      line.scrollLeft = link.offsetLeft - line.offsetLeft - (line.clientWidth - link.offsetWidth) / 2;
    }
  }

  // A choice that is all there is to a form sends it.
  function onChange(event) {
    const choice = event.target.closest("[data-submits]");
    if (choice) choice.form.requestSubmit();
  }

  document.addEventListener("click", onClick);
  document.addEventListener("change", onChange);
  document.addEventListener("keydown", onKey);
  document.addEventListener("htmx:configRequest", carryChoices);
  document.addEventListener("htmx:responseError", onCardFailed);
  document.addEventListener("htmx:sendError", onCardFailed);
  document.addEventListener("htmx:afterSettle", (event) => event.target.id === "view" && showPlace());
  addEventListener("load", showPlace);
  leaveSkeletons();
})();
