/**
 * Draws charts over the tables of a page with Observable Plot; a page is whole without them.
 *
 * Data stand in the page as JSON. Names in them came from devices: they go into text, never markup.
 */

const { Plot } = globalThis;

const MEASURES = { ots: "passes", watchers: "watchers", attention_s: "attention" };
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const NARROW = 560;
const BAND = { fill: "var(--accent)", fillOpacity: 0.2 };
const LINE = { stroke: "var(--accent)", strokeWidth: 2 };
const BEFORE = { stroke: "var(--line-strong)", strokeWidth: 1.4, strokeDasharray: "4 4" };
const WHISKER = { stroke: "var(--text)", strokeWidth: 1.2, strokeOpacity: 0.75 };
const HOLLOW = 0.3;

const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 1 });
const percent = (value) => `${(100 * value).toLocaleString("en", { maximumFractionDigits: 0 })} %`;

/** Axis labels of a sum of seconds: whole hours where there are some. */
function seconds(value) {
  if (value >= 7200) return `${number(value / 3600)} h`;
  return value >= 120 ? `${number(value / 60)} min` : `${number(value)} s`;
}

const axisOf = (measure) => (measure === "attention_s" ? seconds : number);

/** 14:00, or the day at its beginning. */
const hourOrDay = (date) => (date.getHours() ? `${date.getHours()}:00` : dayOf(date));
const dayOf = (date) => `${date.getDate()} ${MONTHS[date.getMonth()]}`;

/** What every chart here starts from. */
function frame(width, options) {
  // One fixed class: the pages' style sheet says what Plot's own would.
  return { className: "plot", width, marginTop: 16, marginRight: 12, style: { fontSize: "12px" }, ...options };
}

const present = (rows) => rows.filter((row) => "value" in row);

const tipped = (options) => ({ ...options, tip: false, fontSize: 12.5 });

/** A tip in words that the server wrote, so that a chart never says more than its table. */
const tip = (rows, options) => Plot.tip(rows, tipped(Plot.pointer(options)));
const tipX = (rows, options) => Plot.tip(rows, tipped(Plot.pointerX(options)));

/** Whiskers of one value each: the interval of 95 %. */
const whiskersX = (rows, options) =>
  Plot.ruleY(rows.filter((row) => row.high > row.low), { x1: "low", x2: "high", ...WHISKER, ...options });

/** Every hour, or every so many that no more than most are written. */
const wholeHours = (hours, most) => {
  const first = Math.min(...hours);
  const step = Math.ceil((Math.max(...hours) - first + 1) / most);
  return [...new Set(hours)].filter((hour) => (hour - first) % step === 0);
};

const charts = {
  today({ today, before }, width) {
    const hours = [...today, ...before].map((row) => row.hour);
    return Plot.plot(
      frame(width, {
        height: width < NARROW ? 220 : 260,
        marginLeft: 52,
        x: { domain: [Math.min(...hours), Math.max(...hours)], ticks: wholeHours(hours, width < NARROW ? 6 : 12), tickFormat: (hour) => `${hour}:00`, label: null },
        y: { grid: true, label: null, tickFormat: number, zero: true, nice: true, ticks: 5 },
        marks: [
          Plot.areaY(today, { x: "hour", y1: "low", y2: "high", ...BAND }),
          Plot.lineY(before, { x: "hour", y: "value", ...BEFORE }),
          Plot.lineY(today, { x: "hour", y: "value", ...LINE }),
          Plot.dot(today, { x: "hour", y: "value", r: 2.6, fill: "var(--accent)" }),
          tipX(today, { x: "hour", y: "value", title: (row) => `${row.name}\n${row.text}` }),
        ],
      }),
    );
  },

  days({ days, before, measure }, width) {
    const rows = days.map((row) => ({ ...row, date: new Date(`${row.day}T00:00`) }));
    const others = before.map((row) => ({ ...row, date: new Date(`${row.day}T00:00`) }));
    const few = rows.length <= 31;
    const known = present(rows);
    const step = Math.ceil(rows.length / (width < NARROW ? 4 : 10));
    const ticks = rows.filter((_, index) => index % step === 0).map((row) => row.date);
    return Plot.plot(
      frame(width, {
        height: width < NARROW ? 220 : 250,
        marginLeft: 58,
        x: { type: "time", label: null, ticks, tickFormat: dayOf, insetLeft: few ? 8 : 0, insetRight: few ? 8 : 0 },
        y: { grid: true, label: null, tickFormat: axisOf(measure), zero: true, nice: true, ticks: 5 },
        marks: [
          Plot.areaY(rows, { x: "date", y1: (row) => row.low ?? NaN, y2: (row) => row.high ?? NaN, ...BAND }),
          Plot.lineY(others, { x: "date", y: (row) => row.value ?? NaN, ...BEFORE }),
          Plot.lineY(rows, { x: "date", y: (row) => row.value ?? NaN, ...LINE }),
          few ? Plot.dot(known, { x: "date", y: "value", r: 3, fill: (row) => (row.small ? "var(--panel)" : "var(--accent)"), stroke: "var(--accent)" }) : null,
          tipX(known, { x: "date", y: "value", title: (row) => `${row.name}\n${row.text}` }),
        ],
      }),
    );
  },

  heat({ heat, measure }, width) {
    const most = Math.max(1e-9, ...heat.map((row) => row.value));
    const cells = heat.map((row) => ({ ...row, level: 0.06 + 0.94 * (row.value / most) }));
    const small = cells.filter((row) => row.small);
    const narrow = width < NARROW;
    return Plot.plot(
      frame(width, {
        height: narrow ? 196 : 236,
        marginLeft: 36,
        marginRight: 2,
        marginTop: 4,
        marginBottom: 24,
        padding: narrow ? 0.1 : 0.06,
        x: { domain: Array.from({ length: 24 }, (_, hour) => hour), label: null, tickSize: 0, tickFormat: (hour) => (hour % (narrow ? 6 : 2) ? "" : `${hour}`) },
        y: { domain: [0, 1, 2, 3, 4, 5, 6], label: null, tickSize: 0, tickFormat: (day) => WEEKDAYS[day] },
        opacity: { type: "identity" },
        marks: [
          Plot.cell(cells, { x: "hour", y: "weekday", fill: "var(--accent)", fillOpacity: "level", rx: 3 }),
          Plot.text(small, { x: "hour", y: "weekday", text: () => "╱", fill: "var(--muted)", fillOpacity: 0.75, fontSize: narrow ? 9 : 12 }),
          tip(cells, { x: "hour", y: "weekday", title: (row) => `${WEEKDAYS[row.weekday]}, ${row.hour}:00–${row.hour + 1}:00\n${row.text} ${row.small || measure === "attention_s" ? "" : MEASURES[measure]}\nmean of ${row.hours}` }),
        ],
      }),
    );
  },

  ages({ ages }, width) {
    const bands = [...new Set(ages.map((row) => row.band))].reverse();
    const sided = ages.filter((row) => row.gender !== "unknown");
    const sign = (row) => (row.gender === "female" ? -1 : 1);
    const untold = ages.filter((row) => row.gender === "unknown");
    const most = Math.max(1, ...ages.map((row) => row.high));
    const step = width < NARROW ? 36 : 46;
    const low = 0.26 * step; // of a row, for those whose gender was not told
    return Plot.plot(
      frame(width, {
        height: step * bands.length + 40,
        marginLeft: 62,
        x: { domain: [-most, most], label: null, grid: true, ticks: width < NARROW ? 4 : 6, tickFormat: (value) => number(Math.abs(value)) },
        y: { domain: bands.toReversed(), label: null, tickSize: 0, padding: 0.18 },
        marks: [
          Plot.barX(sided, { y: "band", x1: 0, x2: (row) => sign(row) * row.value, fill: (row) => `var(--${row.gender})`, fillOpacity: (row) => (row.small ? HOLLOW : 1), insetBottom: low, rx: 2 }),
          Plot.barX(untold, { y: "band", x1: 0, x2: "value", fill: "var(--unknown)", fillOpacity: (row) => (row.small ? HOLLOW : 1), insetTop: 0.82 * step - low + 1, rx: 2 }),
          Plot.ruleY(sided, { y: "band", x1: (row) => sign(row) * row.low, x2: (row) => sign(row) * row.high, ...WHISKER, dy: -low / 2 }),
          Plot.ruleX([0], { stroke: "var(--line-strong)" }),
          tip(sided, { y: "band", x: (row) => (sign(row) * row.value) / 2, title: (row) => `${row.gender}, ${row.band}\n${row.text}` }),
        ],
        opacity: { type: "identity" },
      }),
    );
  },

  moods: ({ moods }, width) => bars(moods, width),
  groups: ({ groups }, width) => bars(groups, width),

  rates({ rates }, width) {
    return intervals(rates, width, { x: { label: null, grid: true, tickFormat: percent, ticks: 5, zero: true, nice: true } }, () => "var(--accent)");
  },

  uplifts({ uplifts }, width) {
    // What is hardly known would press all the others together.
    const most = Math.max(0.1, ...uplifts.map((row) => Math.max(Math.abs(row.value) * 1.6, row.told ? Math.max(Math.abs(row.low), row.high) : 0)));
    const colour = (row) => (row.told ? (row.value > 0 ? "var(--good)" : "var(--bad)") : "var(--unknown)");
    const options = { x: { label: null, grid: true, domain: [-Math.min(1, most), most], clamp: true, tickFormat: (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${percent(Math.abs(value))}`, ticks: 5 } };
    return intervals(uplifts, width, options, colour, [Plot.ruleX([0], { stroke: "var(--line-strong)" })]);
  },

  hours({ hours }, width) {
    const rows = hours.map((row) => ({ ...row, date: new Date(row.at) }));
    return Plot.plot(
      frame(width, {
        height: 190,
        marginLeft: 46,
        x: { type: "time", label: null, ticks: Math.min(rows.length, width < NARROW ? 4 : 9), tickFormat: hourOrDay },
        y: { grid: true, label: null, tickFormat: number, zero: true, nice: true, ticks: 4 },
        opacity: { type: "identity" },
        marks: [
          Plot.rectY(rows, { x1: "date", x2: (row) => new Date(row.date.getTime() + 3_600_000), y: "value", fill: "var(--accent)", fillOpacity: (row) => (row.small ? HOLLOW : 0.9), insetLeft: 0.5, insetRight: 0.5 }),
          Plot.ruleX(rows, { x: (row) => new Date(row.date.getTime() + 1_800_000), y1: "low", y2: "high", ...WHISKER, strokeOpacity: 0.5 }),
          tipX(rows, { x: (row) => new Date(row.date.getTime() + 1_800_000), y: "value", title: (row) => `${row.name}\n${row.text}` }),
        ],
      }),
    );
  },
};

/** A bar for each label, with its whisker. */
function bars(rows, width) {
  return Plot.plot(
    frame(width, {
      height: 27 * rows.length + 36,
      marginLeft: 76,
      x: { label: null, grid: true, ticks: width < NARROW ? 3 : 5, tickFormat: number, zero: true },
      y: { domain: rows.map((row) => row.label), label: null, tickSize: 0, padding: 0.32 },
      opacity: { type: "identity" },
      marks: [
        Plot.barX(rows, { y: "label", x: "value", fill: "var(--accent)", fillOpacity: (row) => (row.small ? HOLLOW : 1), rx: 2 }),
        whiskersX(rows, { y: "label" }),
        tip(rows, { y: "label", x: "value", title: (row) => `${row.label}\n${row.text}` }),
      ],
    }),
  );
}

/** A dot and its interval for each name, the highest first. */
function intervals(rows, width, options, colour, under = []) {
  const sorted = rows.toSorted((a, b) => b.value - a.value);
  const room = width < NARROW ? 104 : 132;
  const letters = Math.floor(room / 7);
  const short = (name) => (name.length > letters ? `${name.slice(0, letters - 1)}…` : name);
  return Plot.plot(
    frame(width, {
      height: 26 * sorted.length + 40,
      marginLeft: room,
      y: { domain: sorted.map((row) => row.name), label: null, tickSize: 0, tickFormat: short },
      ...options,
      marks: [
        ...under,
        Plot.ruleY(sorted, { y: "name", x1: "low", x2: "high", stroke: colour, strokeWidth: 2, strokeOpacity: 0.55, clip: true }),
        Plot.dot(sorted, { y: "name", x: "value", r: 4.5, fill: colour }),
        tip(sorted, { y: "name", x: "value", title: (row) => `${row.name}\n${row.text}` }),
      ],
    }),
  );
}

function draw(figure, data) {
  const canvas = figure.querySelector(".canvas");
  const width = Math.floor(canvas.clientWidth);
  if (!width) return;
  try {
    const chart = charts[figure.dataset.chart](data, width);
    // The pages' policy forbids style sheets in a page; what Plot's would say stands in ours.
    chart.querySelectorAll("style").forEach((sheet) => sheet.remove());
    canvas.replaceChildren(chart);
  } catch (fault) {
    canvas.classList.add("failed");
    canvas.textContent = "This chart cannot be drawn here; the table says the same.";
    figure.querySelector("details")?.setAttribute("open", "");
    console.error(fault);
  }
}

/** The days of a period of one's own are asked for only when one is wanted. */
function hideDates(form) {
  const period = form.elements.namedItem("period");
  if (!period) return;
  const update = () => {
    for (const field of form.querySelectorAll('[data-for="custom"]')) {
      const wanted = period.value === "custom";
      field.hidden = !wanted;
      for (const input of field.querySelectorAll("input")) input.disabled = !wanted;
    }
  };
  period.addEventListener("change", update);
  update();
}

function begin() {
  document.querySelectorAll("form.filters").forEach(hideDates);
  const stored = document.getElementById("chart-data");
  const figures = [...document.querySelectorAll("[data-chart]")];
  if (!stored || !figures.length) return;
  const data = JSON.parse(stored.textContent);
  for (const figure of figures) {
    figure.querySelector("details")?.removeAttribute("open");
    draw(figure, data);
  }
  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => figures.forEach((figure) => draw(figure, data)));
  });
}

begin();
