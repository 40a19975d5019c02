"use strict";
// Draws every figure from the numbers beside its place. On a narrow screen a finger that moves scrolls the
// page, and margins are small. <html data-drawn data-errors> says how it went.
(() => {
  const root = document.documentElement;
  root.dataset.errors = "0";
  const fail = () => { root.dataset.errors = String(Number(root.dataset.errors) + 1); };
  window.addEventListener("error", fail);
  window.addEventListener("unhandledrejection", fail);
  const narrow = window.innerWidth < 600;
  const config = {
    responsive: true, displaylogo: false,
    displayModeBar: narrow ? false : undefined,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
  };
  const drawn = Array.from(document.querySelectorAll(".plot")).map((place) => {
    const spec = JSON.parse(document.getElementById(place.id + "-numbers").textContent);
    if (narrow) {
      spec.layout.dragmode = false;
      spec.layout.font = Object.assign({}, spec.layout.font, { size: 11 });
      spec.layout.margin = Object.assign({}, spec.layout.margin, { l: 46, r: 8 });
    }
    return Plotly.newPlot(place, spec.data, spec.layout, config);
  });
  Promise.all(drawn).then((all) => { root.dataset.drawn = String(all.length); }, fail);
})();
