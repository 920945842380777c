// A chart in SVG, drawn in CSS pixels so that its text has one size on every screen.

const MARGIN = {left: 46, right: 14, top: 26, bottom: 42};
/** The largest distance of the pointer to a selected point, in pixels. */
const REACH = 40;
/** How far a tooltip may extend above the chart, in pixels. */
const HEADING = 30;

class Chart {
  /** `onPick(index)` is called with the λ of a point that is clicked. */
  constructor(figure, onPick) {
    this.svg = figure.querySelector("svg");
    this.hint = figure.querySelector(".hint");
    this.points = [];
    this.svg.addEventListener("pointermove", (event) => this.show(this.under(event)));
    this.svg.addEventListener("pointerleave", () => this.show(null));
    this.svg.addEventListener("click", (event) => {
      const point = this.under(event);
      if (point && point.lambda !== null) onPick(point.lambda);
    });
  }

  /** Clears the chart and draws two axes. */
  begin(x, y, xLabel, yLabel, description) {
    const box = this.svg.getBoundingClientRect();
    [this.x, this.y, this.points] = [x, y, []];
    [this.width, this.height] = [box.width, box.height];
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute("aria-label", description);
    const [left, right] = [MARGIN.left, this.width - MARGIN.right];
    const [top, bottom] = [MARGIN.top, this.height - MARGIN.bottom];
    for (const {at, text} of y.ticks(Math.max(2, Math.floor((bottom - top) / 42)))) {
      const place = this.down(at);
      this.add("line", {class: "grid", x1: left, x2: right, y1: place, y2: place});
      this.text(text, left - 8, place, "tick end");
    }
    for (const {at, text} of x.ticks(Math.max(2, Math.floor((right - left) / 52)))) {
      const place = this.across(at);
      this.add("line", {class: "notch", x1: place, x2: place, y1: bottom, y2: bottom + 4});
      this.text(text, place, bottom + 15, "tick middle");
    }
    this.add("line", {class: "base", x1: left, x2: right, y1: bottom, y2: bottom});
    this.text(xLabel, (left + right) / 2, this.height - 7, "label middle");
    this.text(yLabel, 2, 9, "label");
  }

  across(at) {
    return MARGIN.left + at * (this.width - MARGIN.left - MARGIN.right);
  }

  down(at) {
    return this.height - MARGIN.bottom - at * (this.height - MARGIN.top - MARGIN.bottom);
  }

  /** Pixels of a pair of values. */
  place([x, y]) {
    return [this.across(this.x.at(x)), this.down(this.y.at(y))];
  }

  add(tag, attributes, parent = this.svg) {
    // The namespace of the existing element, so that the page contains no URL.
    const made = document.createElementNS(this.svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) {
      made.setAttribute(name, typeof value === "number" ? value.toFixed(2) : value);
    }
    parent.append(made);
    return made;
  }

  text(text, x, y, className, parent = this.svg) {
    this.add("text", {class: className, x, y}, parent).textContent = text;
  }

  /** A nested SVG with the same coordinates that clips its content to the plot. */
  window() {
    const [x, y] = [MARGIN.left, MARGIN.top];
    const [width, height] = [this.width - x - MARGIN.right, this.height - y - MARGIN.bottom];
    return this.add("svg", {class: "window", x, y, width, height, viewBox: `${x} ${y} ${width} ${height}`});
  }

  /** Whether a place is inside the axes. */
  holds([x, y]) {
    return x >= MARGIN.left && x <= this.width - MARGIN.right && y >= MARGIN.top && y <= this.height - MARGIN.bottom;
  }

  /** A line through pairs of values, broken where one is missing. */
  line(pairs, className, parent = this.svg) {
    let d = "";
    let pen = "M";
    for (const pair of pairs) {
      if (pair === null) {
        pen = "M";
      } else {
        d += pen + this.place(pair).map((n) => n.toFixed(2)).join(" ");
        pen = "L";
      }
    }
    if (d) this.add("path", {class: className, d}, parent);
  }

  /** The area between two ends, for each run of `[x, low, high]` without a gap. */
  band(ends, className) {
    let run = [];
    for (const end of [...ends, null]) {
      if (end !== null) {
        run.push(end);
      } else {
        const there = run.map(([x, low]) => [x, low]);
        const back = run.map(([x, , high]) => [x, high]).reverse();
        if (run.length > 1) {
          const corners = [...there, ...back].map((pair) => this.place(pair).map((n) => n.toFixed(2)).join(" "));
          this.add("path", {class: className, d: `M${corners.join("L")}Z`});
        }
        run = [];
      }
    }
  }

  /** A bar between two pairs of values. */
  bar(from, to, className) {
    const [[x1, y1], [x2, y2]] = [this.place(from), this.place(to)];
    this.add("line", {class: className, x1, y1, x2, y2});
  }

  /** A cross of two strokes at a pair of values. */
  cross(pair, className) {
    const [x, y] = this.place(pair);
    this.add("path", {class: className, d: `M${x - 7} ${y}h14M${x} ${y - 7}v14`});
  }

  /** A point with a tooltip; `share` is its position along λ in [0, 1]. */
  dot(pair, className, radius, share, lambda, says) {
    const [cx, cy] = this.place(pair);
    const dot = this.add("circle", {class: className, cx, cy, r: radius});
    dot.style.setProperty("--at", `${(100 * share).toFixed(1)}%`);
    this.points.push({x: cx, y: cy, lambda, says});
  }

  /** A movable mark: drawn around the origin and positioned by `move`. */
  movable(className) {
    return this.add("g", {class: `movable ${className}`});
  }

  /** Moves it to a pair of values, or hides it. */
  move(group, pair) {
    group.toggleAttribute("hidden", pair === null);
    if (pair === null) return;
    const [x, y] = this.place(pair);
    group.style.transform = `translate(${x.toFixed(2)}px, ${y.toFixed(2)}px)`;
  }

  /** The point nearest to the pointer, if it is near enough. */
  under(event) {
    const box = this.svg.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const far = (point) => Math.hypot(point.x - x, point.y - y);
    const near = this.points.filter((point) => far(point) < REACH);
    return near.sort((a, b) => far(a) - far(b))[0] ?? null;
  }

  /** Shows the tooltip of a point. */
  show(point) {
    this.hint.hidden = point === null;
    this.svg.classList.toggle("over", point !== null && point.lambda !== null);
    if (point === null) return;
    this.hint.replaceChildren(...point.says.map((text, i) => element(i ? "span" : "strong", {text})));
    const half = this.hint.offsetWidth / 2;
    const x = Math.min(Math.max(point.x, half), this.width - half);
    // The tooltip may cover the heading above, but not the curve below.
    const above = point.y + HEADING > this.hint.offsetHeight;
    this.hint.style.left = `${x - half}px`;
    this.hint.style.top = `${above ? point.y - this.hint.offsetHeight - 12 : point.y + 12}px`;
  }
}

