/* Live pages: the page is asked for again every few seconds and its live parts are replaced, so that every figure is
   written in one place, on the server. Nothing is asked while nobody looks. */
(function () {
  "use strict";
  var first = document.querySelector("[data-live]");
  if (!first) { return; }
  var every = Math.max(1, Number(document.body.dataset.every || first.dataset.every || 2)) * 1000;
  var state = document.getElementById("live-state");
  var timer = null, failed = 0, asking = false;

  function named(element) {
    if (!element) { return null; }
    if (element.id) { return "#" + CSS.escape(element.id); }
    var href = element.getAttribute("href");
    if (href) { return 'a[href="' + CSS.escape(href) + '"]'; }
    if (element.dataset.does) { return '[data-does="' + CSS.escape(element.dataset.does) + '"]'; }
    return element.matches(".plot") ? ".plot" : null;
  }

  /* What part of the power is seen, where that is not all of it; and the lines that are not. */
  function zoomed(part) {
    var figure = part.querySelector("figure[data-from]");
    if (!figure) { return null; }
    var whole = figure.querySelector("[data-does=whole]");
    var off = Array.from(figure.querySelectorAll(".keys input")).map(function (input) { return !input.checked; });
    return { from: Number(figure.dataset.from), to: Number(figure.dataset.to), whole: whole.disabled, off: off };
  }

  function draw(part, view) {
    var figure = part.querySelector("figure[data-power]");
    if (!figure || !window.pycarbonPower) { return; }
    if (view) {
      figure.querySelectorAll(".keys input").forEach(function (input, i) { input.checked = !view.off[i]; });
    }
    var plot = window.pycarbonPower.start(figure);
    if (plot && view && !view.whole) { plot.show(view.from, view.to); }
  }

  function replace(fresh) {
    document.querySelectorAll("[data-live]").forEach(function (old) {
      var now = fresh.getElementById(old.id);
      if (!now || old.querySelector(":active")) { return; }
      var view = zoomed(old);
      var focused = old.contains(document.activeElement) ? named(document.activeElement) : null;
      old.replaceChildren.apply(old, Array.from(document.importNode(now, true).childNodes));
      var again = focused && old.querySelector(focused);
      if (again) { again.focus({ preventScroll: true }); }
      draw(old, view);
    });
    var said = fresh.getElementById("live-said"), before = document.getElementById("live-said");
    if (said && before && said.textContent !== before.textContent) { before.textContent = said.textContent; }
    if (fresh.querySelector("[data-ended]")) { stop("This run has ended."); timer = -1; }
  }

  function show(text) { if (state && state.textContent !== text) { state.textContent = text; } }

  function ask() {
    timer = null;
    asking = true;
    fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" }).then(function (answer) {
      if (answer.status === 404) { show("this run has just ended"); return null; }
      if (!answer.ok) { throw new Error(String(answer.status)); }
      return answer.text();
    }).then(function (text) {
      failed = 0;
      if (text === null) { return; }
      replace(new DOMParser().parseFromString(text, "text/html"));
      if (timer !== -1) { show("updates by itself"); }
    }).catch(function () {
      failed += 1;
      show("the dashboard does not answer; these are the latest figures it gave");
    }).then(function () {
      asking = false;
      if (timer !== -1 && !document.hidden) { plan(); }
    });
  }

  function plan() { if (timer === null && !asking) { timer = setTimeout(ask, every * Math.min(1 + failed, 10)); } }
  function stop(text) { if (timer > 0) { clearTimeout(timer); timer = null; } show(text); }

  document.addEventListener("visibilitychange", function () {
    if (timer === -1) { return; }
    if (document.hidden) { stop("waits until you look"); } else if (timer === null && !asking) { ask(); }
  });
  show("updates by itself");
  plan();
})();
