// Draws journeys from the JSON in their element; the table below holds the same numbers. A click on a page follows
// journeys from there.
(() => {
  "use strict";

  const colour = window.statflowColour;
  let chart = null;

  function said(label, lines) {
    const box = document.createElement("div");
    box.className = "tip";
    for (const [name, text] of [["tip-title", label], ...lines.map((line) => ["tip-before", line])]) {
      const part = document.createElement("span");
      part.className = name;
      part.textContent = text;
      box.append(part);
    }
    return box;
  }

  // The telling end of an address stays.
  const shorten = (text, most) => (text.length > most ? `…${text.slice(1 - most)}` : text);

  function options(data) {
    const rest = new Set(data.nodes.filter((node) => node.others || node.left).map((node) => node.name));
    const pale = { color: colour("--line-strong"), opacity: 0.18 };
    const labels = new Map(data.nodes.map((node) => [node.name, node.label]));
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    return {
      animation: !still,
      animationDuration: 160,
      tooltip: {
        confine: true, renderMode: "html", backgroundColor: "transparent", borderWidth: 0, padding: 0,
        extraCssText: "box-shadow:none",
        formatter: ({ dataType, data: item }) =>
          dataType === "edge"
            ? said(`${labels.get(item.source)} → ${labels.get(item.target)}`, item.said)
            : said(item.label2, item.said),
      },
      series: [{
        type: "sankey", left: 4, right: 204, top: 8, bottom: 8, nodeWidth: 12, nodeGap: 12, draggable: false,
        layoutIterations: 0, emphasis: { focus: "adjacency" },
        data: data.nodes.map((node) => ({
          name: node.name, depth: node.depth, value: node.value, said: node.said, label2: node.label, closed: node.others || node.left,
          label: { formatter: `${shorten(node.label, 20)}  {n|${node.count} · ${node.share}}` },
          itemStyle: { color: colour(node.left || node.others ? "--line-strong" : "--data-1"), borderWidth: 0 },
        })),
        links: data.links.map((link) => ({ ...link, lineStyle: rest.has(link.target) ? pale : undefined })),
        labelLayout: { hideOverlap: true },
        lineStyle: { color: colour("--data-1"), opacity: 0.2, curveness: 0.5 },
        label: {
          color: colour("--text"), fontSize: 12, fontFamily: getComputedStyle(document.body).fontFamily,
          rich: { n: { color: colour("--muted"), fontSize: 12 } },
        },
      }],
    };
  }

  function follow(place, label) {
    const url = new URL(place.dataset.from, location.origin);
    url.searchParams.set("at", label);
    location.assign(url);
  }

  function draw() {
    const place = document.querySelector(".sankey");
    if (chart && chart.getDom() !== place) {
      chart.dispose();
      chart = null;
    }
    if (!place || !window.echarts) return;
    const data = JSON.parse(place.dataset.drawing);
    if (!chart) {
      chart = window.echarts.init(place, null, { renderer: "canvas" });
      chart.on("click", ({ dataType, data: item }) => {
        if (dataType === "node" && !item.closed) follow(place, item.label2);
      });
    }
    chart.setOption(options(data), true);
  }

  // Nothing stands in its place: it is fetched once it comes into view.
  function begin() {
    const place = document.querySelector(".sankey");
    if (!place || window.echarts) return;
    const watch = new IntersectionObserver(async (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watch.disconnect();
      await window.statflowLibrary(place);
      draw();
    });
    watch.observe(place);
  }

  document.addEventListener("htmx:afterSwap", draw);
  addEventListener("resize", () => {
    if (chart) chart.resize();
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  begin();
})();
