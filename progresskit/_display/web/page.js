const POLL = 30; // milliseconds between an answer and the next question; the server holds a question until there is something new
const AWAY = 5000; // the same in a tab that nobody looks at, and where nobody answers
const page = document.getElementById("page");
const asked = new URLSearchParams(location.search).get("token");
if (asked !== null) history.replaceState(null, "", location.pathname); // the cookie has it: it does not belong in a history

const title = element("h1", "progresskit");
const state = element("p", "", { id: "state" });
const said = element("p", "", { id: "said", role: "status" }); // for screen readers: without what changes all the time
const facts = element("p", "", { id: "facts" });
const header = element("header");
header.append(title, state, said, facts);
page.append(header);
const sections = {};
for (const [name, words] of [["failed", "Failed"], ["live", "At work"], ["ended", "Ended"], ["prints", "Output"]]) {
  const section = element("section", null, { hidden: "", id: name });
  section.append(element("h2", words));
  page.append(section);
  sections[name] = section;
}
const lists = {};
for (const name of ["failed", "live", "ended"]) sections[name].append(lists[name] = element("div", null, { role: "list" }));
const log = element("pre", "", { id: "log", tabindex: "0", "aria-label": "printed lines" });
sections.prints.append(log);

let shown = null; // the last picture
let silent = null; // since when nobody answers
let refused = false;
const open = new Set(); // tasks whose curves are shown
const rows = { failed: new Map(), live: new Map(), ended: new Map() };

function set(node, words) { if (node.textContent !== words) node.textContent = words; }

function makeRow(name) {
  const row = element("div", null, { class: "task", role: "listitem" });
  const parts = { row, name: element("span", "", { class: "name", role: "button", tabindex: "0" }) };
  row.append(parts.name);
  if (name === "live") {
    parts.bar = element("div", null, { class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" });
    parts.fill = element("i");
    parts.bar.append(parts.fill);
    parts.percent = element("span", "", { class: "percent" });
    row.append(parts.bar, parts.percent);
  } else {
    parts.word = element("span", "", { class: "word" });
    row.append(parts.word);
  }
  parts.numbers = element("span", "", { class: "numbers" });
  parts.more = element("span", "", { class: "more" });
  parts.curve = element("div", null, { class: "curve" });
  row.append(parts.numbers, parts.more, parts.curve);
  const toggle = () => { open.has(parts.id) ? open.delete(parts.id) : open.add(parts.id); draw(); };
  row.addEventListener("click", toggle);
  parts.name.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); } });
  return parts;
}

function fillRow(parts, task, name) {
  parts.id = task.id;
  parts.row.className = `task ${name === "live" ? "live" : "ended"} ${task.state.split(" ")[0]}`;
  parts.row.style.setProperty("--depth", name === "live" ? task.depth : 0);
  set(parts.name, task.name);
  parts.name.setAttribute("aria-expanded", String(open.has(task.id)));
  const eta = task.eta ? `${task.eta} left` : "";
  const word = task.state === "running" ? "" : task.state;
  if (name === "live") {
    parts.bar.setAttribute("aria-label", task.name);
    parts.bar.classList.toggle("unknown", task.share === null);
    if (task.share === null) { parts.bar.removeAttribute("aria-valuenow"); parts.fill.style.width = ""; }
    else { parts.bar.setAttribute("aria-valuenow", String(Math.floor(100 * task.share))); parts.fill.style.width = `${100 * task.share}%`; }
    set(parts.percent, task.percent);
    set(parts.numbers, [task.done, task.rate, task.time, eta, word].filter(Boolean).join(" · "));
  } else {
    set(parts.word, task.state);
    set(parts.numbers, [task.done, task.rate, task.time].filter(Boolean).join(" · "));
  }
  set(parts.more, [task.reason, task.idle ? `nothing has moved for ${task.idle}` : "", task.fields].filter(Boolean).join(" · "));
  const points = open.has(task.id) ? rates(shown.curves[task.id] || []) : [];
  if (points.length > 1) {
    parts.curve.replaceChildren(caption(points, task.units), curve(points, `throughput of ${task.name}`));
  } else if (open.has(task.id)) parts.curve.replaceChildren(element("p", "There is no curve of this task: those at the top have one."));
  else parts.curve.replaceChildren();
}

function fillList(name, tasks) {
  const known = rows[name];
  const wanted = new Set(tasks.map((task) => task.id));
  for (const [id, parts] of known) if (!wanted.has(id)) { parts.row.remove(); known.delete(id); }
  let after = null;
  for (const task of tasks) {
    let parts = known.get(task.id);
    if (!parts) known.set(task.id, parts = makeRow(name));
    fillRow(parts, task, name);
    const place = after ? after.nextSibling : lists[name].firstChild;
    if (parts.row !== place) lists[name].insertBefore(parts.row, place);
    after = parts.row;
  }
  sections[name].hidden = !tasks.length;
}

function overall() {
  if (refused) return ["lost", "Another program answers here: this is the last picture of the one before."];
  if (!shown) return silent ? ["lost", "Nobody answers."] : ["", "Asking..."];
  const at = (time) => new Date(time).toLocaleTimeString();
  const failed = shown.failed.length ? `, ${shown.counts.failed} failed` : "";
  if (silent) {
    return shown.live.length ? ["lost", `Lost: the job does not answer since ${at(silent)}. This is its last picture.`]
      : [failed ? "failed" : "finished", `Ended${failed}. The job is gone since ${at(silent)}.`];
  }
  const lost = shown.sources.filter((source) => source.lost);
  if (lost.length && lost.length >= shown.sources.filter((source) => source.live).length && shown.live.length)
    return ["lost", `Lost: ${lost[0].lost} This is the last picture.`];
  if (!shown.live.length) return [failed ? "failed" : "finished", Object.keys(shown.counts).length ? `All tasks have ended${failed}.` : "No task yet."];
  const top = shown.live.filter((task) => !task.depth);
  const left = Math.max(...top.map((task) => task.seconds || 0));
  const ends = left > 0 ? `, until about ${at((shown.noted + left) * 1000)}` : "";
  return [failed ? "failed" : "running", `${top.length} at work${failed}${ends}`];
}

function draw() {
  const [kind, words] = overall();
  state.className = kind;
  set(state, words);
  const isAtWork = kind !== "lost" && shown && shown.live.length;
  set(said, isAtWork ? `At work${shown.failed.length ? `, ${shown.counts.failed} failed` : ""}` : words);
  if (!shown) return;
  const top = shown.live.filter((task) => !task.depth);
  const share = top.length === 1 && top[0].percent ? top[0].percent : "";
  const mark = { lost: "✖", failed: "✖", finished: "✔" }[kind] || "";
  document.title = [mark, kind === "lost" ? "lost" : share, shown.command || "progresskit"].filter(Boolean).join(" ");
  const color = { lost: "%23d1242f", failed: "%23d1242f", finished: "%232e9e4f" }[kind] || "%231f78c8";
  const icon = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='${color}'/></svg>`;
  const link = document.getElementById("icon");
  if (link.getAttribute("href") !== icon) link.setAttribute("href", icon);
  set(title, shown.command || "progresskit");
  const others = Object.entries(shown.counts).map(([word, count]) => `${count} ${word}`);
  const sources = shown.sources.map((source) => source.lost ? `${source.title}: ${source.lost}` : source.title).filter(Boolean);
  set(facts, [...others, shown.more ? `${shown.more} more tasks are not shown` : "", shown.pid ? `process ${shown.pid} on ${shown.host}` : "",
    `changed ${new Date(shown.noted * 1000).toLocaleTimeString()}`, ...sources].filter(Boolean).join(" · "));
  fillList("failed", shown.failed);
  fillList("live", shown.live);
  fillList("ended", shown.ended);
  sections.prints.hidden = !shown.prints.length;
  const below = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  set(log, shown.prints.map((line) => line[1]).join("\n"));
  if (below) log.scrollTop = log.scrollHeight;
}

async function ask() {
  let pause = POLL;
  try {
    const answer = await fetch(`/state?since=${shown ? shown.sequence : 0}`, { cache: "no-store", signal: AbortSignal.timeout(15000) });
    silent = null;
    refused = answer.status === 403;
    if (answer.status === 200) shown = await answer.json();
  } catch {
    silent = silent || Date.now();
  }
  if (silent || refused || document.hidden) pause = silent && Date.now() - silent < AWAY ? 1000 : AWAY;
  draw();
  setTimeout(ask, pause);
}
ask();
