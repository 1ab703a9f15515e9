/* The map and the ranking point at each other: whatever is pointed at or focused on one is marked on the other. */
(function () {
  "use strict";
  var figure = document.querySelector("figure.map");
  var readout = document.getElementById("readout");
  var ranking = document.getElementById("ranking");
  if (!figure || !readout || !ranking) { return; }
  var shapes = new Map();
  figure.querySelectorAll("[data-zone]").forEach(function (shape) { shapes.set(shape.dataset.zone, shape); });
  var marked = null;
  readout.textContent = "Point at a country, or go through the ranking below.";
  readout.hidden = false;

  function mark(zone) {
    if (marked) { marked.classList.remove("on"); }
    marked = shapes.get(zone) || null;
    if (!marked) { return; }
    marked.classList.add("on");
    readout.textContent = marked.querySelector("title").textContent;
  }

  ["pointerover", "click"].forEach(function (kind) {
    figure.addEventListener(kind, function (event) {
      var shape = event.target.closest("[data-zone]");
      if (!shape) { return; }
      mark(shape.dataset.zone);
      if (kind === "click") {
        var row = ranking.querySelector('tr[data-zone="' + CSS.escape(shape.dataset.zone) + '"] a');
        if (row) { row.focus(); }
      }
    });
  });
  ["pointerover", "focusin"].forEach(function (kind) {
    ranking.addEventListener(kind, function (event) {
      var row = event.target.closest("tr[data-zone]");
      if (row) { mark(row.dataset.zone); }
    });
  });
})();
