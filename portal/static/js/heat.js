// Clicks and scrolling over the picture of a page. The picture is a document of ours in which nothing runs (its
// frame has no allow-scripts, its policy no source of scripts); as it is of our origin its elements can be measured.
(() => {
  "use strict";

  const VIEWPORT = 800;
  const MOST_PX = 20000;
  const SPOT = 26;
  const written = new Intl.NumberFormat(document.documentElement.lang);
  const asPercent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });
  const RAMP = ["--data-1", "--data-3", "--data-5", "--data-2", "--data-4"];

  function make(name, className, parent) {
    const element = document.createElement(name);
    element.className = className;
    parent.append(element);
    return element;
  }

  // A page of `100vh` grows with its frame: what grew is set back to the height that it had in a window.
  function unroll(frame) {
    const doc = frame.contentDocument;
    const all = [...doc.querySelectorAll("body, body *")];
    const heights = all.map((element) => element.getBoundingClientRect().height);
    const full = Math.min(Math.max(doc.documentElement.scrollHeight, 200), MOST_PX);
    frame.style.height = `${full}px`;
    all.forEach((element, at) => {
      if (element.getBoundingClientRect().height > heights[at] + 1 && element.style) {
        element.style.setProperty("height", `${heights[at]}px`, "important");
        element.style.setProperty("min-height", "0", "important");
      }
    });
    return full;
  }

  function elementAt(doc, selector) {
    try {
      return doc.querySelector(selector);
    } catch {
      return null;
    }
  }

  // Where each click lies on the picture, and how many lie on elements that the picture has.
  function placeClicks(doc, over, width, height) {
    const spots = [];
    let placed = 0;
    const put = (cells, columns, rows, box) => {
      for (const [column, row, count] of cells)
        spots.push([box.left + ((column + 0.5) / columns) * box.width, box.top + ((row + 0.5) / rows) * box.height, count]);
    };
    for (const [selector, count, within, onPage] of over.elements) {
      const box = elementAt(doc, selector)?.getBoundingClientRect();
      if (box && box.width > 0 && box.height > 0) {
        put(within, over.cells, over.cells, box);
        placed += count;
      } else {
        put(onPage, ...over.page, { left: 0, top: 0, width, height });
      }
    }
    return { spots, placed };
  }

  // The colours of a map, from the least to the most, as 256 values of red, green, blue.
  function ramp() {
    const canvas = document.createElement("canvas");
    canvas.width = 256;
    canvas.height = 1;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const gradient = context.createLinearGradient(0, 0, 256, 0);
    RAMP.forEach((name, at) => gradient.addColorStop(at / (RAMP.length - 1), window.statflowColour(name)));
    context.fillStyle = gradient;
    context.fillRect(0, 0, 256, 1);
    return context.getImageData(0, 0, 256, 1).data;
  }

  function heat(context, spots, scale) {
    const most = Math.max(...spots.map((spot) => spot[2]), 1);
    const radius = Math.max(SPOT * scale, 8);
    for (const [x, y, count] of spots) {
      const glow = context.createRadialGradient(x * scale, y * scale, 0, x * scale, y * scale, radius);
      const strength = 0.18 + 0.82 * Math.sqrt(count / most);
      glow.addColorStop(0, `rgba(0, 0, 0, ${strength})`);
      glow.addColorStop(1, "rgba(0, 0, 0, 0)");
      context.fillStyle = glow;
      context.fillRect(x * scale - radius, y * scale - radius, 2 * radius, 2 * radius);
    }
    colour(context);
  }

  function colour(context) {
    const { width, height } = context.canvas;
    const image = context.getImageData(0, 0, width, height);
    const colours = ramp();
    for (let at = 0; at < image.data.length; at += 4) {
      const strength = image.data[at + 3];
      if (!strength) continue;
      image.data.set(colours.subarray(strength * 4, strength * 4 + 3), at);
      image.data[at + 3] = Math.min(230, 60 + strength);
    }
    context.putImageData(image, 0, 0);
  }

  function bands(context, reached) {
    const { width, height } = context.canvas;
    const colours = ramp();
    reached.forEach((share, at) => {
      const from = Math.min(255, Math.round(share * 2.55)) * 4;
      context.fillStyle = `rgba(${colours[from]}, ${colours[from + 1]}, ${colours[from + 2]}, 0.42)`;
      const top = Math.round((at * height) / reached.length);
      context.fillRect(0, top, width, Math.round(((at + 1) * height) / reached.length) - top);
    });
  }

  function labelBands(stage, reached, height) {
    for (const wanted of [75, 50, 25]) {
      const at = reached.findIndex((share) => share < wanted);
      if (at < 1) continue;
      const line = make("p", "reach-line", stage);
      line.style.top = `${(at / reached.length) * height}px`;
      make("span", "", line).textContent = asPercent.format(wanted / 100);
    }
  }

  function draw(figure, frame, stage) {
    const over = JSON.parse(figure.dataset.over);
    const texts = JSON.parse(figure.dataset.texts);
    const width = Number(figure.dataset.framePx);
    const height = unroll(frame);
    const scale = Math.min(1, figure.querySelector(".stage-room").clientWidth / width);
    frame.style.transform = `scale(${scale})`;
    stage.style.width = `${width * scale}px`;
    stage.style.height = `${height * scale}px`;
    const canvas = make("canvas", "heat-canvas", stage);
    canvas.width = Math.ceil(width * scale);
    canvas.height = Math.ceil(height * scale);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (over.reached) {
      bands(context, over.reached);
      labelBands(stage, over.reached, height * scale);
      return texts.reached;
    }
    const { spots, placed } = placeClicks(frame.contentDocument, over, width, height);
    heat(context, spots, scale);
    const drawn = spots.reduce((sum, spot) => sum + spot[2], 0);
    pointOut(frame, stage, scale);
    const say = (text, number) => text.replace("{number}", written.format(number)).replace("{total}", written.format(over.total));
    return [
      say(texts.placed, placed),
      drawn > placed ? say(texts.beside, drawn - placed) : "",
      drawn < over.total ? say(texts.rest, over.total - drawn) : "",
    ].filter(Boolean).join(" ");
  }

  // A row of the table outlines its element.
  function pointOut(frame, stage, scale) {
    const outline = make("div", "heat-outline", stage);
    outline.hidden = true;
    const show = (event) => {
      const selector = event.target.closest?.("tr")?.querySelector("th[scope=row] .note")?.title;
      const box = selector && elementAt(frame.contentDocument, selector)?.getBoundingClientRect();
      outline.hidden = !box || !box.width;
      if (outline.hidden) return;
      outline.style.left = `${box.left * scale}px`;
      outline.style.top = `${box.top * scale}px`;
      outline.style.width = `${box.width * scale}px`;
      outline.style.height = `${box.height * scale}px`;
    };
    const table = document.querySelector(".map-and-list .figure-table tbody");
    for (const name of ["mouseover", "focusin"]) table?.addEventListener(name, show);
    table?.addEventListener("mouseleave", () => { outline.hidden = true; });
  }

  function begin(figure) {
    const sheet = figure.querySelector("svg");
    const room = make("div", "stage-room", figure);
    figure.prepend(room);
    const stage = make("div", "stage", room);
    stage.setAttribute("role", "img");
    stage.setAttribute("aria-label", figure.dataset.said);
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-same-origin");
    frame.setAttribute("referrerpolicy", "no-referrer");
    frame.setAttribute("inert", "");
    frame.setAttribute("tabindex", "-1");
    frame.setAttribute("aria-hidden", "true");
    frame.title = figure.dataset.said;
    frame.style.width = `${figure.dataset.framePx}px`;
    frame.style.height = `${VIEWPORT}px`;
    frame.src = figure.dataset.picture;
    frame.addEventListener("load", () => {
      if (!frame.contentDocument?.querySelector("base")) return giveUp(room, sheet);
      for (const part of [sheet, figure.querySelector(".of-sheet")]) part.setAttribute("hidden", "");
      const said = draw(figure, frame, stage);
      figure.dataset.drawn = "yes";
      if (said) make("p", "help", room).textContent = said;
      return undefined;
    }, { once: true });
    stage.append(frame);
  }

  // Without the picture the sheet stays.
  function giveUp(room, sheet) {
    room.remove();
    sheet.removeAttribute("hidden");
  }

  const figure = document.querySelector("[data-picture]");
  if (figure) begin(figure);
})();
