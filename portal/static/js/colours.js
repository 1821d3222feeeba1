// Plain colours for charts: canvas and ECharts do not know OKLCH, which the tokens are in.
(() => {
  "use strict";

  window.statflowColour = (name, alpha = 1) => {
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
  };
})();
