const data = JSON.parse(document.getElementById("data").textContent);
const report = document.getElementById("report");
const BLOCK = 200; // rows that are added at a time, as the page is scrolled

function detail(task) {
  const box = element("div", null, { class: "detail" });
  const facts = [task.done, task.rate, task.reason ? "reason: " + task.reason : "",
    task.start === null ? "never began" : `from ${seconds(task.start)} to ${seconds(task.end)}`,
    ...task.pauses.map(([from, to]) => `paused from ${seconds(from)} to ${seconds(to)}`),
    ...Object.entries(task.fields).map(([name, value]) => `${name}=${value}`)];
  box.append(element("p", facts.filter(Boolean).join(" · ")));
  const points = rates(task.curve);
  if (points.length > 1) {
    box.append(caption(points, task.units), curve(points, `throughput of ${task.name}`));
  }
  return box;
}

function row(run, task) {
  const kind = task.outcome.split(" ")[0];
  const made = element("div", null, { class: `row ${kind}`, tabindex: 0, role: "button", "aria-expanded": "false" });
  made.append(element("span", task.name, { title: task.name, style: { paddingLeft: 14 * task.depth + "px" } }));
  made.append(element("span", task.outcome, { class: "outcome" }));
  made.append(element("span", task.done, { class: "number" }));
  made.append(element("span", task.time, { class: "number" }));
  const bar = element("span", null, { class: "span", role: "img",
    "aria-label": task.start === null ? "never began" : `${task.name}: from ${seconds(task.start)} to ${seconds(task.end)}` });
  if (task.start !== null) {
    const whole = run.seconds || 1;
    const edges = [task.start, ...task.pauses.flat(), task.end];
    for (let i = 0; i < edges.length; i += 2)
      bar.append(element("i", null, { style: { left: 100 * edges[i] / whole + "%", width: 100 * Math.max(edges[i + 1] - edges[i], 0) / whole + "%" } }));
  }
  made.append(bar);
  const toggle = () => {
    const open = made.getAttribute("aria-expanded") === "true";
    made.setAttribute("aria-expanded", String(!open));
    if (open) made.nextSibling.remove();
    else made.after(detail(task));
  };
  made.addEventListener("click", toggle);
  made.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); } });
  return made;
}

function show(run, number) {
  report.append(element(number ? "h2" : "h1", run.title || (data.runs.length > 1 ? `Run ${number + 1}` : "Progress report")));
  const begun = run.started === null ? "" : new Date(1000 * run.started).toLocaleString() + ": ";
  report.append(element("p", begun + run.summary));
  const failed = run.tasks.filter((task) => task.outcome === "failed");
  if (failed.length) {
    report.append(element("h2", `Failed: ${failed.length.toLocaleString("en")}`));
    table(run, failed, "failed tasks");
  }
  if (run.atWork.some((count) => count > 1)) {
    report.append(element("h2", `Tasks at work at once: at most ${Math.max(...run.atWork)}`));
    report.append(curve(run.atWork.map((count, i) => [i, count]), "tasks at work at once, over time"));
  }
  if (run.tasks.length) report.append(element("h2", "Tasks"));
  const form = element("form");
  const search = element("input", null, { type: "search", placeholder: "Search tasks", "aria-label": "Search tasks" });
  const count = element("output");
  form.append(search, count);
  form.addEventListener("submit", (event) => event.preventDefault());
  if (run.tasks.length) report.append(form);
  const update = run.tasks.length ? table(run, run.tasks, "tasks") : null;
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase();
    const found = run.tasks.filter((task) => `${task.name} ${task.outcome} ${task.reason || ""}`.toLowerCase().includes(words));
    count.textContent = words ? `${found.length.toLocaleString("en")} of ${run.tasks.length.toLocaleString("en")}` : "";
    update(found);
  });
  if (run.prints.length) {
    report.append(element("h2", `Printed lines: ${run.printed.toLocaleString("en")}` + (run.printed > run.prints.length ? `, the last ${run.prints.length} that were kept` : "")));
    report.append(element("pre", run.prints.map(([time, line]) => (time === null ? "" : seconds(time).padStart(9) + "  ") + line).join("\n")));
  }
}

function table(run, tasks, label) {
  const rows = element("div", null, { class: "rows", role: "group", "aria-label": label });
  const head = element("div", null, { class: "row head" });
  for (const [name, kind] of [["task", ""], ["end", ""], ["done", "number"], ["time", "number"], [`0 to ${seconds(run.seconds)}`, ""]])
    head.append(element("span", name, kind ? { class: kind } : {}));
  const end = element("div", null, { class: "more" });
  let shown = 0;
  const more = (all) => {
    const next = tasks.slice(shown, all ? undefined : shown + BLOCK);
    shown += next.length;
    end.before(...next.map((task) => row(run, task)));
  };
  const fill = () => { rows.replaceChildren(head, end); shown = 0; more(); };
  fill();
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting) || shown >= tasks.length) return;
    observer.unobserve(end); // and observed anew below: it may be in sight still, which is no change
    more();
    observer.observe(end);
  }, { rootMargin: "800px" });
  observer.observe(end);
  addEventListener("beforeprint", () => more(true));
  report.append(rows);
  return (found) => { tasks = found; fill(); };
}

data.runs.forEach(show);
if (!data.runs.length) report.append(element("p", "This file has no frames."));
if (data.strange) report.append(element("p", `${data.strange.toLocaleString("en")} lines made no sense.`));
