"use strict";
// Draws every figure from the numbers beside its place. On a narrow screen a finger that moves scrolls the
// page, and margins are small. <html data-drawn data-errors> says how it went. A table is put in order by the
// column whose head is pressed, once more: backwards; what is no number of a column of numbers comes last.
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
  const number = (cell) => {
    const found = /^-?[\d,]*\.?\d+(e-?\d+)?(?=\s|%|$)/.exec(cell);
    return found ? Number(found[0].replaceAll(",", "")) : NaN;
  };
  const order = (head) => {
    const sort = head.ariaSort === "ascending" ? "descending" : "ascending", k = head.cellIndex;
    const body = head.closest("table").tBodies[0], sign = sort === "ascending" ? 1 : -1;
    const rows = Array.from(body.rows, (row) => ({ row, text: row.cells[k].textContent, value: number(row.cells[k].textContent) }));
    const numeric = rows.some((one) => !Number.isNaN(one.value));
    rows.sort((a, b) => !numeric ? sign * a.text.localeCompare(b.text)
      : Number.isNaN(a.value) - Number.isNaN(b.value) || sign * (a.value - b.value) || 0);
    body.append(...rows.map((one) => one.row));
    for (const cell of head.parentNode.cells) cell.ariaSort = cell === head ? sort : null;
  };
  for (const head of document.querySelectorAll("table.numbers th")) {
    head.tabIndex = 0;
    head.addEventListener("click", () => order(head));
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") order(head); });
  }
  Promise.all(drawn).then((all) => { root.dataset.drawn = String(all.length); }, fail);
})();
