"use strict";

function element(name, words, properties) {
  const made = document.createElement(name);
  if (words !== undefined && words !== null) made.textContent = words;
  for (const [key, value] of Object.entries(properties || {})) {
    if (key === "style") Object.assign(made.style, value);
    else made.setAttribute(key, value);
  }
  return made;
}

function seconds(value) {
  if (value < 60) return value.toFixed(1) + " s";
  const whole = Math.floor(value);
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function curve(points, label) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 1000 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const right = Math.max(...points.map((p) => p[0]), 1e-9);
  const left = Math.min(...points.map((p) => p[0]));
  const top = Math.max(...points.map((p) => p[1]), 1e-9);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", points.map(([x, y]) =>
    `${(1000 * (x - left) / (right - left || 1)).toFixed(1)},${(97 - 94 * y / top).toFixed(1)}`).join(" "));
  svg.append(line);
  return svg;
}

// How fast a task was between the points of its curve.
function rates(points) {
  const found = [];
  for (let i = 1; i < points.length; i++) {
    const passed = points[i][0] - points[i - 1][0];
    if (passed > 0) found.push([points[i][0], Math.max(points[i][1] - points[i - 1][1], 0) / passed]);
  }
  return found;
}

// A rate as `format_rate` writes it. `units`: "B", "iB" or a plural.
function speed(rate, units) {
  const step = units === "iB" ? 1024 : 1000;
  const bytes = { B: ["B", "kB", "MB", "GB", "TB"], iB: ["B", "KiB", "MiB", "GiB", "TiB"] }[units];
  const names = bytes || ["", "k ", "M ", "G ", "T "];
  let power = 0;
  if (bytes || rate >= 1e6) for (; rate >= step && power < names.length - 1; power++) rate /= step;
  const places = power ? (rate < 10 ? 2 : rate < 100 ? 1 : 0) : bytes || rate >= 100 ? 0 : rate < 0.1 ? 3 : 1;
  const figure = (Math.floor(rate * 10 ** places) / 10 ** places)
    .toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
  return `${figure} ${names[power]}${bytes ? "" : units}/s`;
}

// What stands above the curve of these rates.
function caption(points, units) {
  return element("p", `throughput: at most ${speed(Math.max(...points.map((p) => p[1])), units)}`);
}
