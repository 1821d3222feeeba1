/* The shop's own script. It tells an analytics tool what happened if there is one, and works without. */
const tell = (name, options) => window.statflow && window.statflow(name, options);

document.getElementById("newsletter").addEventListener("click", (event) => {
  tell("Newsletter", { props: { place: document.querySelector("article.reading") ? "journal" : "footer" } });
  event.target.textContent = "Thank you";
  event.target.disabled = true;
});

for (const button of document.querySelectorAll("[data-basket]")) {
  button.addEventListener("click", () => {
    tell("Add to basket", { props: { product: button.dataset.basket } });
    button.textContent = "In your basket";
    button.disabled = true;
    button.nextElementSibling.hidden = false;
  });
}

for (const form of document.querySelectorAll("[data-order]")) {
  form.addEventListener("submit", () =>
    tell("Order", {
      props: { product: form.dataset.order },
      revenue: { amount: form.dataset.price + ".00", currency: "EUR" },
    }),
  );
}

/* The studio changes its page without loading one, as many sites do. */
const studio = document.getElementById("studio");
if (studio) {
  const links = [...studio.querySelectorAll("[data-view]")];
  const show = () => {
    const link = links.find((a) => a.pathname === location.pathname) || links[0];
    links.forEach((a) => a.toggleAttribute("aria-current", a === link));
    studio.querySelector("h1").textContent = link.textContent;
    studio.querySelector(".lead").textContent = link.dataset.text;
    document.title = link.textContent + " – Ash & Leaf";
  };
  studio.addEventListener("click", (event) => {
    const link = event.target.closest("[data-view]");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    show();
  });
  addEventListener("popstate", show);
}
