// Draws the main graph from the JSON in its element. The server has drawn a still line in its place, and
// the table below holds the same numbers.
(() => {
  "use strict";

  let chart = null;
  let data = null;

  // Canvas and ECharts want plain colours; the tokens are OKLCH.
  function colour(name, alpha = 1) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    context.fillStyle = getComputedStyle(probe).color;
    probe.remove();
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
    return `rgba(${r}, ${g}, ${b}, ${alpha})`;
  }

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
    for (const series of data.series) {
      const chosen = series.metric === data.metric;
      const strong = chosen ? " strong" : "";
      box.append(text("span", `tip-name${strong}`, series.label));
      box.append(text("span", `tip-value${strong}`, series.text[i]));
      if (chosen && series.beforeText.length > i) {
        box.append(text("span", "tip-before", `${series.beforeText[i]} on ${data.beforeTitles[i]}`));
      }
    }
    return box;
  }

  function short(value, unit) {
    if (unit === "percent") return `${value}%`;
    if (unit === "seconds") return value >= 60 ? `${Math.round(value / 6) / 10}m` : `${value}s`;
    if (value >= 1e6) return `${Math.round(value / 1e5) / 10}M`;
    return value >= 1e4 ? `${Math.round(value / 100) / 10}k` : String(value);
  }

  function lines(series) {
    const values = series.values;
    const main = colour("--data-1");
    const last = values.length - 1;
    const cut = data.present && last > 0;
    const common = { type: "line", smooth: 0.18, smoothMonotone: "x", showSymbol: last === 0, symbol: "circle", symbolSize: 7 };
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
        axisLabel: { ...label, hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right" },
      },
      yAxis: {
        type: "value", min: 0, splitNumber: 4, minInterval: series.unit === "ratio" ? 0 : 1,
        max: (range) => (range.max > 0 ? null : 1),
        axisLabel: { ...label, formatter: (value) => short(value, series.unit) },
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
    }
    chart.setOption(options(), true);
  }

  // A headline figure chooses what the graph shows; its link is for when there is no script.
  function choose(event) {
    const link = event.target.closest("[data-graph]");
    if (!link || !chart || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    data.metric = link.dataset.graph;
    for (const other of document.querySelectorAll("[data-graph]")) {
      const chosen = other === link;
      other.closest(".figure").classList.toggle("chosen", chosen);
      if (chosen) other.setAttribute("aria-current", "true");
      else other.removeAttribute("aria-current");
    }
    const url = new URL(location.href);
    url.searchParams.set("metric", data.metric);
    history.replaceState(history.state, "", url);
    chart.setOption(options(), true);
  }

  document.addEventListener("click", choose);
  document.addEventListener("htmx:afterSwap", draw);
  addEventListener("resize", () => chart && chart.resize());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart && chart.setOption(options(), true));
  draw();
})();
