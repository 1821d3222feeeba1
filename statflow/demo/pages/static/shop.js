/* The shop's own script. It tells an analytics tool what happened if there is one, and works without. */
const tell = (name, props) => window.statflow && window.statflow(name, { props });

document.getElementById("newsletter").addEventListener("click", (event) => {
  tell("Newsletter", { place: "footer" });
  event.target.textContent = "Thank you";
});

for (const button of document.querySelectorAll("[data-basket]")) {
  button.addEventListener("click", () => {
    tell("Add to basket", { product: button.dataset.basket });
    button.textContent = "In your basket";
  });
}

const studio = document.getElementById("studio");
if (studio) {
  const show = () => {
    const link = [...studio.querySelectorAll("[data-view]")].find((a) => a.pathname === location.pathname);
    studio.querySelector("h1").textContent = link ? link.textContent : "The studio";
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
