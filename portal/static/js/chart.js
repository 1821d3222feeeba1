// Draws the main graph from the JSON in its element, for who points at it: the page itself has a still one on the
// same scale, and the table below holds the same numbers. The library is larger than all the rest, so it is fetched
// only then.
(() => {
  "use strict";

  const colour = window.statflowColour;
  const texts = JSON.parse(document.body.dataset.texts);
  let chart = null;
  let data = null;

  function text(tag, className, content) {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = content;
    return element;
  }

  // All figures of the moment; built as elements, because the policy allows no inline style.
  function tip(points) {
    const i = points[0].dataIndex;
    const box = text("div", "tip", "");
    box.append(text("span", "tip-title", data.titles[i]));
    for (const note of data.notes) {
      if (note.at === i) box.append(text("span", "tip-note", `⚑ ${note.text}`));
    }
    for (const series of data.series) {
      const chosen = series.metric === data.metric;
      const strong = chosen ? " strong" : "";
      box.append(text("span", `tip-name${strong}`, series.label));
      box.append(text("span", `tip-value${strong}`, series.text[i]));
      if (chosen && series.beforeText.length > i) {
        box.append(text("span", "tip-before", texts.before.replace("{value}", series.beforeText[i]).replace("{day}", data.beforeTitles[i])));
      }
    }
    return box;
  }

  // Notes stand as flags at the top of their moment; the tip says what they say, the list below links to them.
  function flags() {
    return {
      silent: true, symbol: "none", animation: false,
      lineStyle: { color: colour("--data-2"), type: [2, 3], width: 1, opacity: 0.8 },
      label: { formatter: "⚑", color: colour("--data-2"), fontSize: 14, distance: 0 },
      data: [...new Set(data.notes.map((note) => note.at))].map((at) => ({ xAxis: at })),
    };
  }

  function lines(series) {
    const values = series.values;
    const main = colour("--data-1");
    const last = values.length - 1;
    const cut = data.present && last > 0;
    const common = { type: "line", showSymbol: last === 0, symbol: "circle", symbolSize: 7 };
    const area = {
      type: "linear", x: 0, y: 0, x2: 0, y2: 1,
      colorStops: [{ offset: 0, color: colour("--data-1", 0.2) }, { offset: 1, color: colour("--data-1", 0.01) }],
    };
    const found = [];
    if (series.before) {
      found.push({
        ...common, name: "before", data: series.before.slice(0, values.length), z: 1, silent: true,
        lineStyle: { color: colour("--line-strong"), width: 1.5, type: [4, 4] }, itemStyle: { color: colour("--line-strong") },
      });
    }
    found.push({
      ...common, name: "now", data: cut ? values.map((v, i) => (i === last ? null : v)) : values, z: 3,
      lineStyle: { color: main, width: 2 }, itemStyle: { color: main }, areaStyle: { color: area },
    });
    if (data.notes.length) found[found.length - 1].markLine = flags();
    if (cut) {
      found.push({
        ...common, name: "present", data: values.map((v, i) => (i < last - 1 ? null : v)), z: 2,
        lineStyle: { color: main, width: 2, type: [4, 4] }, itemStyle: { color: main },
      });
    }
    return found;
  }

  function options() {
    const series = data.series.find((s) => s.metric === data.metric);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const label = { color: colour("--muted"), fontSize: 12, fontFamily: getComputedStyle(document.body).fontFamily };
    return {
      animation: !still,
      animationDuration: 160,
      animationDurationUpdate: 160,
      grid: { left: 8, right: 12, top: 16, bottom: 8, containLabel: true },
      xAxis: {
        type: "category", data: data.labels, boundaryGap: false, axisTick: { show: false },
        axisLine: { lineStyle: { color: colour("--line") } },
        axisLabel: { ...label, interval: (i) => i % data.tickEvery === 0, hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right" },
      },
      yAxis: {
        type: "value", min: 0, max: series.top, interval: series.step,
        axisLabel: { ...label, formatter: (value) => series.levels[Math.round(value / series.step)] },
        splitLine: { lineStyle: { color: colour("--line"), opacity: 0.7 } },
      },
      tooltip: {
        trigger: "axis", confine: true, renderMode: "html", formatter: tip, backgroundColor: "transparent",
        borderWidth: 0, padding: 0, extraCssText: "box-shadow:none", transitionDuration: 0.12,
        axisPointer: { type: "line", lineStyle: { color: colour("--line-strong"), type: "solid" } },
      },
      series: lines(series),
    };
  }

  // A stretch that is dragged over becomes the period; its days are in the data.
  function letZoom(place) {
    const own = chart;
    const shade = new window.echarts.graphic.Rect({
      silent: true, z: 9, style: { fill: colour("--data-1", 0.12) }, shape: { x: 0, y: 16, width: 0, height: 0 },
    });
    let from = null;
    const bucket = (x) => {
      const at = own.convertFromPixel({ xAxisIndex: 0 }, x);
      return Math.min(Math.max(Math.round(at), 0), data.days.length - 1);
    };
    const reset = () => {
      from = null;
      own.getZr().remove(shade);
    };
    own.getZr().on("mousedown", (event) => {
      if (data.days.length < 2) return;
      from = event.offsetX;
    });
    own.getZr().on("mousemove", (event) => {
      if (from === null) return;
      const x = Math.min(from, event.offsetX);
      shade.setShape({ x, width: Math.abs(event.offsetX - from), height: own.getHeight() - 44 });
      own.getZr().add(shade);
    });
    own.getZr().on("globalout", reset);
    own.getZr().on("mouseup", (event) => {
      if (from === null) return;
      const [a, b] = [bucket(from), bucket(event.offsetX)].sort((x, y) => x - y);
      const far = Math.abs(event.offsetX - from) > 8;
      reset();
      if (far && a < b) zoom(place, data.days[a][0], data.days[b][1]);
    });
  }

  function zoom(place, from, to) {
    if (from === data.days[0][0] && to === data.days[data.days.length - 1][1]) return;
    const url = new URL(place.dataset.zoom, location.origin);
    url.searchParams.set("period", "custom");
    url.searchParams.set("from", from);
    url.searchParams.set("to", to);
    const metric = new URL(location.href).searchParams.get("metric");
    if (metric) url.searchParams.set("metric", metric);
    const link = document.createElement("a");
    link.href = url.pathname + url.search;
    link.hidden = true;
    document.querySelector(".bar-tools").append(link);
    window.htmx?.process(link);
    link.click();
  }

  // The chart's element has no id: htmx would carry its attributes, ECharts' style among them, over to
  // the next page's.
  function draw() {
    const place = document.querySelector(".chart");
    if (chart && chart.getDom() !== place) {
      chart.dispose();
      chart = null;
    }
    if (!place || !window.echarts) return;
    data = JSON.parse(place.dataset.series);
    if (!chart) {
      place.querySelector(".chart-still")?.remove();
      chart = window.echarts.init(place, null, { renderer: "canvas" });
      letZoom(place);
      chart.setOption({ ...options(), animation: false }, true);
    } else chart.setOption(options(), true);
  }

  async function begin() {
    const place = document.querySelector(".chart");
    if (!place || chart) return;
    await window.statflowLibrary(place);
    if (!chart) draw();
  }

  // A headline figure chooses what the graph shows; its link is for when there is no script.
  async function choose(event) {
    const link = event.target.closest("[data-graph]");
    if (!link || !document.querySelector(".chart") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    await begin();
    if (!chart) {
      location.assign(link.href);
      return;
    }
    data.metric = link.dataset.graph;
    for (const other of document.querySelectorAll("[data-graph]")) {
      const chosen = other === link;
      other.closest(".figure").classList.toggle("chosen", chosen);
      if (chosen) other.setAttribute("aria-current", "true");
      else other.removeAttribute("aria-current");
    }
    const named = document.querySelector("[data-graphed]");
    if (named) named.textContent = link.textContent;
    const url = new URL(location.href);
    url.searchParams.set("metric", data.metric);
    history.replaceState(history.state, "", url);
    chart.setOption(options(), true);
  }

  // Who comes near the figures or the graph, with whatever they point with, is about to ask it something.
  function near(event) {
    if (event.target.closest?.(".headline")) begin();
  }

  document.addEventListener("click", choose);
  for (const sign of ["pointerover", "pointerdown", "focusin"]) document.addEventListener(sign, near);
  document.addEventListener("htmx:afterSwap", draw);
  addEventListener("resize", () => chart && chart.resize());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart && chart.setOption(options(), true));
})();
