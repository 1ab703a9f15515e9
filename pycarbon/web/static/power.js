/* A run's power over time, with zoom: drag or the keyboard chooses a part, which is drawn from finer windows.

   figure[data-power="ID"] --> script#ID: reports/power_view.py's `embedded` --> windows --> halves, halves of halves, ...
                  |                                                                                        |
                  +-- [data-url]: asked for a part that is finer than what is embedded                     v
                                                                            columns of the part that is seen --> uPlot

   Invariant: every column has the least, the mean and the largest power of its time, whatever the zoom. */
"use strict";

(() => {
  const STEPS = 4000;
  const PAN = 0.25;
  const TIMES_S = [
    1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15,
    30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 1728000, 4320000,
  ];

  /* windows */

  function decoded(domain) {
    const bytes = Uint8Array.from(atob(domain.data), (letter) => letter.charCodeAt(0));
    const count = domain.windows;
    const level = { t0: 0, window: domain.window_s, end: domain.window_s * count };
    for (const name of ["min", "mean", "max"]) level[name] = new Float32Array(count);
    let at = 0;
    const next = () => {
      const low = bytes[at++];
      return low < 128 ? low : (low & 127) | (bytes[at++] << 7);
    };
    const unit = domain.top_w / STEPS;
    for (let i = 0, mean = 0; i < count; i++) {
      const step = next();
      mean += (step >>> 1) ^ -(step & 1);
      level.mean[i] = mean * unit;
      level.max[i] = (mean + next()) * unit;
      level.min[i] = (mean - next()) * unit;
    }
    return level;
  }

  function fetched(domain, from) {
    const level = { t0: from, window: domain.window_s, end: from + domain.window_s * domain.t_s.length };
    for (const name of ["min", "mean", "max"]) level[name] = Float32Array.from(domain[`${name}_w`]);
    return level;
  }

  function halved(fine) {
    const count = fine.mean.length, half = Math.ceil(count / 2);
    const level = { t0: fine.t0, window: fine.window * 2, end: fine.end };
    for (const name of ["min", "mean", "max"]) level[name] = new Float32Array(half);
    for (let i = 0; i < half; i++) {
      const a = 2 * i, b = Math.min(a + 1, count - 1);
      level.min[i] = Math.min(fine.min[a], fine.min[b]);
      level.max[i] = Math.max(fine.max[a], fine.max[b]);
      level.mean[i] = (fine.mean[a] + fine.mean[b]) / 2;
    }
    return level;
  }

  function pyramid(level) {
    const levels = [level];
    while (levels.at(-1).mean.length > 2) levels.push(halved(levels.at(-1)));
    return levels;
  }

  /* The least, mean and largest power in each of `count` columns from..to; null where nothing is known. */
  function columns(levels, from, to, count, gaps) {
    const min = new Array(count).fill(null), mean = min.slice(), max = min.slice();
    const step = (to - from) / count;
    const level = levels.findLast((one) => one.window <= step / 2) || levels[0];
    let gap = 0;
    for (let i = 0; i < count; i++) {
      const a = from + i * step, b = a + step, middle = (a + b) / 2;
      while (gap < gaps.length && gaps[gap][1] <= middle) gap++;
      if ((gap < gaps.length && gaps[gap][0] <= middle) || middle < level.t0 || middle > level.end) continue;
      const last = level.mean.length - 1;
      const first = Math.max(Math.floor((a - level.t0) / level.window), 0);
      const end = Math.min(Math.ceil((b - level.t0) / level.window), last + 1);
      let sum = 0, weight = 0, low = Infinity, high = -Infinity;
      for (let j = Math.min(first, last); j < Math.max(end, Math.min(first, last) + 1); j++) {
        const begin = level.t0 + j * level.window;
        const part = Math.max(Math.min(b, begin + level.window, level.end) - Math.max(a, begin), 0);
        sum += part * level.mean[j];
        weight += part;
        if (part > step * 1e-6) {
          low = Math.min(low, level.min[j]);
          high = Math.max(high, level.max[j]);
        }
      }
      if (weight > 0) [min[i], mean[i], max[i]] = [low, sum / weight, high];
    }
    return { min, mean, max, window: level.window };
  }

  /* words */

  function quantity(value, unit) {
    const size = Math.abs(value);
    const [factor, prefix] = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "\u00b5"], [1e-9, "n"]].find(
      (one) => size >= one[0] * 0.9995,
    ) || [1, ""];
    return `${size ? Number((value / factor).toPrecision(3)).toString() : "0"} ${prefix}${unit}`;
  }

  /* A moment, exact to a part of `step`; of long runs in hours, minutes and seconds. */
  function moment(time, step) {
    const decimals = Math.min(Math.max(-Math.floor(Math.log10(step)), 0), 9);
    if (time < 120) return step < 1e-3 && time < 1 ? quantity(time, "s") : `${time.toFixed(decimals)} s`;
    const hours = Math.floor(time / 3600), minutes = Math.floor(time / 60) % 60;
    const seconds = (time % 60).toFixed(step < 1 ? decimals : 0);
    return `${hours ? `${hours} h ` : ""}${minutes} min${step < 60 ? ` ${seconds} s` : ""}`;
  }

  function ticks(from, to, count) {
    const step = TIMES_S.find((one) => (to - from) / one <= count) || (to - from) / count;
    const first = Math.ceil(from / step - 1e-9);
    return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
  }

  function tickTexts(values) {
    const step = values.length > 1 ? values[1] - values[0] : values[0] || 1;
    const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "\u00b5s"]].find(
      (one) => step >= one[0] * 0.999 || (one[0] === 1 && (values.at(-1) || 0) >= 1),
    ) || [1e-6, "\u00b5s"];
    const decimals = Math.min(Math.max(-Math.floor(Math.log10(step / size) + 1e-9), 0), 6);
    return values.map((value) => `${(value / size).toFixed(decimals)} ${unit}`);
  }

  /* the figure */

  function start(figure) {
    const data = JSON.parse(document.getElementById(figure.dataset.power).textContent);
    const url = figure.dataset.url || "";
    const plot = figure.querySelector(".plot"), status = figure.querySelector("[role=status]");
    const keys = [...figure.querySelectorAll(".keys li")];
    const domains = data.domains.map((domain, i) => ({
      ...domain,
      key: keys[i],
      embedded: domain.windows ? pyramid(decoded(domain)) : null,
      finer: null,
    }));
    const drawn = domains.filter((domain) => domain.embedded);
    if (!drawn.length || !(data.duration_s > 0) || typeof uPlot === "undefined") return null;
    const shortest = Math.max(data.duration_s * 1e-7, 1e-6);
    const state = { from: 0, to: data.duration_s, asked: null, finer: null };
    const colour = (name) => getComputedStyle(figure).getPropertyValue(name).trim();
    const colourOf = (domain) => getComputedStyle(domain.key).color;
    let chart = null;

    function sampled() {
      const count = Math.max(Math.floor(plot.clientWidth - 170), 60);
      const step = (state.to - state.from) / count;
      const rows = [Array.from({ length: count }, (_, i) => state.from + (i + 0.5) * step)];
      state.window = 0;
      for (const domain of drawn) {
        const covers = state.finer && state.finer.from <= state.from && state.finer.to >= state.to;
        const finer = covers ? state.finer.levels.get(domain.domain) : null;
        const found = columns(finer || domain.embedded, state.from, state.to, count, domain.gaps);
        state.window = Math.max(state.window, found.window);
        rows.push(found.min, found.max, found.mean);
      }
      return rows;
    }

    function options() {
      const soft = colour("--soft"), line = colour("--line"), ink = colour("--ink");
      const font = `12px ${colour("--sans")}`;
      const axis = { stroke: soft, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
      const series = [{}];
      const bands = [];
      for (const domain of drawn) {
        const stroke = colourOf(domain), show = domain.key.querySelector("input").checked;
        const dash = domain.kind === "modelled" ? [6, 3] : domain.number >= 8 ? [2, 2] : undefined;
        series.push({ stroke: "transparent", width: 0, points: { show: false }, show });
        series.push({ stroke: "transparent", width: 0, points: { show: false }, show });
        series.push({ stroke, width: 1.5, dash, points: { show: false }, show });
        bands.push({ series: [series.length - 2, series.length - 3], fill: faded(stroke) });
      }
      return {
        width: plot.clientWidth,
        height: Math.min(Math.max(plot.clientWidth * 0.36, 240), 380),
        legend: { show: false },
        padding: [12, 112, 0, 0],
        cursor: {
          drag: { x: true, y: false, setScale: false },
          points: { show: false },
          y: false,
          bind: { dblclick: () => () => (whole(), null) },
        },
        scales: {
          x: { time: false, range: () => [state.from, state.to] },
          y: { range: (_, low, high) => [0, high > 0 ? high * 1.05 : 1] },
        },
        series,
        bands,
        axes: [
          { ...axis, splits: (u) => ticks(state.from, state.to, u.width / 110), values: (_, found) => tickTexts(found) },
          { ...axis, size: 64, values: (_, found) => found.map((value) => quantity(value, "W")) },
        ],
        hooks: {
          drawClear: [(u) => hatch(u, soft)],
          draw: [(u) => name(u, ink)],
          setCursor: [readOut],
          setSelect: [select],
        },
      };
    }

    function faded(stroke) {
      const parts = stroke.match(/[\d.]+/g) || [0, 0, 0];
      return `rgba(${parts.slice(0, 3).join(",")},.22)`;
    }

    /* Gaps are hatched, and wide ones say what they are. */
    function hatch(u, stroke) {
      const { ctx, bbox } = u, ratio = bbox.width / u.over.clientWidth;
      for (const [a, b] of data.gaps) {
        if (b < state.from || a > state.to) continue;
        const left = Math.max(u.valToPos(a, "x", true), bbox.left);
        const right = Math.max(Math.min(u.valToPos(b, "x", true), bbox.left + bbox.width), left + ratio);
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, bbox.top, right - left, bbox.height);
        ctx.clip();
        ctx.strokeStyle = stroke;
        ctx.globalAlpha = 0.45;
        ctx.lineWidth = ratio;
        ctx.beginPath();
        for (let x = left - bbox.height; x < right; x += 7 * ratio) {
          ctx.moveTo(x, bbox.top + bbox.height);
          ctx.lineTo(x + bbox.height, bbox.top);
        }
        ctx.stroke();
        ctx.globalAlpha = 1;
        if (right - left > 70 * ratio) {
          ctx.fillStyle = stroke;
          ctx.font = `${12 * ratio}px ${colour("--sans")}`;
          ctx.textAlign = "center";
          const width = ctx.measureText("not seen").width + 12 * ratio, middle = (left + right) / 2;
          ctx.clearRect(middle - width / 2, bbox.top + 6 * ratio, width, 20 * ratio);
          ctx.fillText("not seen", middle, bbox.top + 20 * ratio);
        }
        ctx.restore();
      }
    }

    /* Each line has its domain's name at its end: nobody needs the colours. */
    function name(u, ink) {
      const { ctx, bbox } = u, ratio = bbox.width / u.over.clientWidth;
      const names = [];
      drawn.forEach((domain, i) => {
        const mean = u.data[3 * i + 3], last = mean.findLastIndex((value) => value !== null);
        if (!u.series[3 * i + 3].show || last < 0) return;
        names.push({ domain, y: u.valToPos(mean[last], "y", true) });
      });
      names.sort((a, b) => a.y - b.y);
      const room = 15 * ratio;
      names.forEach((one, i) => i && (one.y = Math.max(one.y, names[i - 1].y + room)));
      let lowest = bbox.top + bbox.height;
      for (const one of [...names].reverse()) {
        one.y = Math.min(one.y, lowest);
        lowest = one.y - room;
      }
      ctx.save();
      ctx.font = `${12 * ratio}px ${colour("--sans")}`;
      ctx.textBaseline = "middle";
      ctx.textAlign = "left";
      for (const { domain, y } of names) {
        const x = bbox.left + bbox.width + 6 * ratio;
        ctx.fillStyle = colourOf(domain);
        ctx.fillRect(x, y - 1.5 * ratio, 10 * ratio, 3 * ratio);
        ctx.fillStyle = ink;
        ctx.fillText(domain.domain.length > 13 ? `${domain.domain.slice(0, 12)}\u2026` : domain.domain, x + 14 * ratio, y);
      }
      ctx.restore();
    }

    function readOut(u) {
      const i = u.cursor.idx;
      const at = figure.querySelector(".at");
      at.textContent = i == null || u.cursor.left < 0 ? "" : moment(u.data[0][i], (state.to - state.from) / u.data[0].length);
      drawn.forEach((domain, j) => {
        const [low, high, mean] = [1, 2, 3].map((k) => u.data[3 * j + k][i ?? 0]);
        const told = !at.textContent ? "" : mean == null ? "not seen" : quantity(mean, "W");
        const same = mean == null || high - low < 0.005 * high;
        domain.key.querySelector("output").textContent = told && !same ? `${told} (${quantity(low, "W")} to ${quantity(high, "W")})` : told;
      });
    }

    function select(u) {
      const { left, width } = u.select;
      if (width > 4) show(u.posToVal(left, "x"), u.posToVal(left + width, "x"), true);
      u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    }

    function show(from, to, asked) {
      const length = Math.min(Math.max(to - from, shortest), data.duration_s);
      const middle = (from + to) / 2;
      const all = length >= data.duration_s * (1 - 1e-9);
      state.from = all ? 0 : Math.min(Math.max(middle - length / 2, 0), data.duration_s - length);
      state.to = all ? data.duration_s : state.from + length;
      draw();
      if (url) ask();
      if (asked) say();
    }

    function draw() {
      chart.setData(sampled(), false);
      chart.setScale("x", { min: state.from, max: state.to });
      figure.dataset.from = state.from;
      figure.dataset.to = state.to;
      figure.dataset.window = state.window;
      const all = state.to - state.from >= data.duration_s * (1 - 1e-9);
      for (const [does, dead] of [["whole", all], ["out", all], ["earlier", state.from <= 0], ["later", state.to >= data.duration_s]]) {
        figure.querySelector(`[data-does=${does}]`).disabled = dead;
      }
    }

    function say() {
      const step = (state.to - state.from) / 100;
      const means = drawn.filter((one) => one.key.querySelector("input").checked).map((one) => {
        const { mean } = columns(one.embedded, state.from, state.to, 1, []);
        return mean[0] == null ? "" : `${one.domain} ${quantity(mean[0], "W")}`;
      });
      status.textContent = `${moment(state.from, step)} to ${moment(state.to, step)}, in windows of ${quantity(state.window, "s")} or more; mean ${means.filter(Boolean).join(", ")}`;
    }

    /* Finer windows from the server, where what is embedded is coarser than a column. */
    async function ask() {
      const points = plot.clientWidth, step = (state.to - state.from) / points;
      const known = state.finer && state.finer.from <= state.from && state.finer.to >= state.to;
      if (known && state.finer.step <= step * 1.01) return;
      if (drawn.every((domain) => domain.embedded[0].window <= step)) return;
      state.asked?.abort();
      state.asked = new AbortController();
      const { from, to } = state;
      try {
        const sign = url.includes("?") ? "&" : "?";
        const answer = await fetch(`${url}${sign}from=${from}&to=${to}&points=${points}`, { signal: state.asked.signal });
        if (!answer.ok) return;
        const found = (await answer.json()).domains.filter((domain) => domain.t_s.length);
        const levels = new Map(found.map((domain) => [domain.domain, pyramid(fetched(domain, domain.t_s[0]))]));
        const coarsest = Math.max(...found.map((domain) => domain.window_s));
        state.finer = { from, to, step: coarsest > step * 1.01 ? 0 : step, levels }; // 0: the run has no finer ones
        if (from === state.from && to === state.to) draw();
      } catch (error) {
        if (error.name !== "AbortError") status.textContent = "finer power could not be fetched; this is what the page has";
      }
    }

    const whole = () => show(0, data.duration_s, true);
    const pan = (part) => show(state.from + part * (state.to - state.from), state.to + part * (state.to - state.from), true);
    const zoom = (factor) => {
      const middle = (state.from + state.to) / 2, half = ((state.to - state.from) / 2) * factor;
      show(middle - half, middle + half, true);
    };
    const does = { in: () => zoom(0.5), out: () => zoom(2), earlier: () => pan(-PAN), later: () => pan(PAN), whole };
    const keyboard = { "+": "in", "=": "in", "-": "out", ArrowLeft: "earlier", ArrowRight: "later", Home: "whole" };

    function build() {
      chart?.destroy();
      chart = new uPlot(options(), sampled(), plot);
      draw();
    }

    figure.classList.add("live");
    for (const hidden of figure.querySelectorAll("[hidden]")) hidden.hidden = false;
    build();
    plot.addEventListener("keydown", (event) => {
      const wanted = keyboard[event.key];
      if (!wanted || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      does[wanted]();
    });
    for (const button of figure.querySelectorAll("[data-does]")) button.addEventListener("click", does[button.dataset.does]);
    drawn.forEach((domain, i) => {
      domain.key.querySelector("input").addEventListener("change", (event) => {
        for (const k of [1, 2, 3]) chart.setSeries(3 * i + k, { show: event.target.checked });
      });
    });
    let width = plot.clientWidth;
    new ResizeObserver(() => {
      if (plot.clientWidth && plot.clientWidth !== width) {
        width = plot.clientWidth;
        build();
      }
    }).observe(plot);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
    return { show: (from, to) => show(from, to, false) };
  }

  window.pycarbonPower = { start };
  for (const figure of document.querySelectorAll("figure[data-power]")) start(figure);
})();
