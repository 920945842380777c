// Latents of test images in two dimensions, one colour and marker for each class.

/** The duration of the animation in milliseconds. */
const GLIDE = 350;
/** The byte of a missing coordinate; see the encoder. */
const MISSING = 255;
/** The radius of the markers in the JSON. */
const MARKER_RADIUS = 10;

const still = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Positions of a cloud in [0, 1], centred and with equal aspect; NaN where one is missing. */
function unit({frame: [left, right, bottom, top], places}) {
  const coordinates = bytes(places);
  const [width, height] = [right - left, top - bottom];
  const whole = Math.max(width, height) || 1;
  const at = (byte, length) => (byte === MISSING ? NaN : 0.5 + (byte / (MISSING - 1) - 0.5) * (length / whole));
  return Float32Array.from(coordinates, (byte, i) => at(byte, i % 2 ? height : width));
}

class Latents {
  constructor() {
    this.figure = part("latents");
    this.canvas = this.figure.querySelector("canvas");
    this.caption = part("latents-caption");
    this.paths = markers.map(({d, open}) => ({path: new Path2D(d), open}));
    this.broughtOut = null;
    this.labels = new Uint8Array();
    this.shown = null;
    this.frame = 0;
    dark.addEventListener("change", () => {
      this.legend();
      this.paint();
    });
  }

  /** Sets up the model's latents and its legend. */
  draw() {
    const {latents} = size();
    this.figure.hidden = model().sizes.every((other) => other.latents === null);
    this.canvas.hidden = latents === null;
    if (latents === null) {
      this.labels = new Uint8Array();
      this.clouds = [];
      this.say(`Latents are stored ${elsewhere("latents")}.`);
      this.legend();
      this.show(null);
      return;
    }
    this.labels = bytes(latents.labels);
    this.clouds = latents.clouds.map((cloud) => cloud && unit(cloud));
    this.shown = null;
    this.legend();
    this.move();
  }

  /** A button for each class, which highlights its points. */
  legend() {
    const present = [...new Set(this.labels)].sort((a, b) => a - b);
    if (!present.includes(this.broughtOut)) this.broughtOut = null;
    const items = present.map((label) => {
      const button = element("button", {children: [this.sample(label), model().classes[label]]});
      button.type = "button";
      button.setAttribute("aria-pressed", String(label === this.broughtOut));
      button.addEventListener("click", () => {
        this.broughtOut = this.broughtOut === label ? null : label;
        this.legend();
        this.paint();
        // The legend is rebuilt, so the focus must be restored.
        part("classes").querySelectorAll("button")[present.indexOf(label)].focus();
      });
      return element("li", {children: [button]});
    });
    part("classes").replaceChildren(...items);
  }

  /** A marker of the scatter plot. */
  sample(label) {
    const canvas = Object.assign(element("canvas", {className: "sample"}), {width: 32, height: 32});
    const context = canvas.getContext("2d");
    context.translate(16, 16);
    this.stamp(context, label, 10, this.colour(label));
    return canvas;
  }

  colour(label) {
    return getComputedStyle(section).getPropertyValue(`--class-${label}`);
  }

  stamp(context, label, radius, colour) {
    const {path, open} = this.paths[label];
    context.save();
    context.scale(radius / MARKER_RADIUS, radius / MARKER_RADIUS);
    context.fillStyle = context.strokeStyle = colour;
    context.lineWidth = 0.55 * MARKER_RADIUS;
    if (open) context.stroke(path);
    else context.fill(path);
    context.restore();
  }

  /** Animates the points to their positions at the selected λ. They are the same images at every λ. */
  move() {
    if (size().latents === null) return;
    const to = this.clouds[picked.lambda];
    const lambda = lambdaText(model().lambdas[picked.lambda]);
    const what = `${size().latents.what} at ${lambda}`;
    this.say(to ? `${what}, ${this.labels.length} test images.` : `There are no latents at ${lambda}.`);
    cancelAnimationFrame(this.frame);
    const from = this.shown;
    if (!from || !to || still.matches) {
      this.show(to);
      return;
    }
    const start = performance.now();
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - start) / GLIDE));
      const eased = t * t * (3 - 2 * t);
      // A previously missing position has no start.
      this.show(to.map((x, i) => (Number.isNaN(from[i]) ? x : from[i] + eased * (x - from[i]))));
      if (t < 1) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  /** Sets the caption and the accessible label. */
  say(text) {
    this.caption.textContent = text;
    this.canvas.setAttribute("aria-label", text);
  }

  show(places) {
    this.shown = places;
    this.paint();
  }

  paint() {
    if (this.figure.hidden) return;
    const {canvas} = this;
    const ratio = window.devicePixelRatio || 1;
    const side = canvas.clientWidth;
    canvas.width = canvas.height = Math.round(side * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    if (!this.shown) return;
    const colours = markers.map((_, label) => this.colour(label));
    const edge = 10;
    const inner = side - 2 * edge;
    const order = Array.from(this.labels.keys());
    // Highlighted classes are painted last.
    const isOut = (i) => this.labels[i] === this.broughtOut;
    order.sort((a, b) => isOut(a) - isOut(b));
    for (const i of order) {
      const [x, y] = [this.shown[2 * i], this.shown[2 * i + 1]];
      if (Number.isNaN(x + y)) continue;
      context.globalAlpha = this.broughtOut === null ? 0.8 : isOut(i) ? 1 : 0.12;
      context.save();
      context.translate(edge + x * inner, edge + (1 - y) * inner);
      this.stamp(context, this.labels[i], 3.2, colours[this.labels[i]]);
      context.restore();
    }
  }
}

