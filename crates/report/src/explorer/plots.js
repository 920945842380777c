// The trade-off plot, and both losses over λ.

const there = (values) => values.filter((value) => value !== null && value !== undefined);

/** The values of a measure over these sizes, by default all sizes, so that an axis does not depend on k. */
function range(name, sizes = model().sizes) {
  const values = [];
  for (const {trained, linear} of sizes) {
    for (const point of trained) values.push(...there(point[name] ?? []));
    values.push(...there(linear.map((point) => point[name])));
  }
  return values;
}

/** `λ = 0.5` on one line. */
const lambdaText = (lambda) => `λ\u00a0=\u00a0${short(lambda, 4)}`;

/** `[mse, accuracy]` of a trained or a linear point; null where one is missing. */
const pair = (mse, accuracy) => (mse == null || accuracy == null ? null : [mse, accuracy]);
const trainedPair = ({mse, accuracy}) => pair(mse?.[0], accuracy?.[0]);
const linearPair = ({mse, accuracy}) => pair(mse, accuracy);

/** The error of the pure autoencoder with the accuracy of the pure classifier; null unless both were trained. */
function corner() {
  const {lambdas} = model();
  const [first, last] = [size().trained[0], size().trained[lambdas.length - 1]];
  return lambdas[0] === 0 && lambdas.at(-1) === 1 ? pair(last.mse?.[0], first.accuracy?.[0]) : null;
}

/** The position of the λ with this index between the first and the last. */
const share = (index) => index / Math.max(1, model().lambdas.length - 1);

/** The exact linear model at the selected λ, if there is one. */
const linearNow = () => size().linear.find(({lambda}) => lambda === model().lambdas[picked.lambda]) ?? null;

class TradeOff {
  constructor(onPick) {
    this.figure = part("trade-off");
    this.chart = new Chart(this.figure, onPick);
  }

  /** Draws everything that does not depend on λ. */
  draw() {
    // The axes fit this k; other k are cut off where they leave it.
    const [mse, accuracy] = [range("mse", [size()]), range("accuracy", [size()])];
    const shown = size().trained.some(trainedPair);
    this.figure.hidden = !shown;
    if (!shown) return;
    const {chart} = this;
    const x = new Axis(mse, {mayBeLogarithmic: true});
    chart.begin(x, new Axis(accuracy, {scale: 100}), x.logarithmic ? "test MSE (log scale)" : "test MSE", "test accuracy, %", this.description());
    this.names = there(size().trained.map(trainedPair)).map((pair) => chart.place(pair));
    this.window = chart.window();
    for (const other of model().sizes) {
      if (other !== size()) this.other(other);
    }
    part("other-key").hidden = model().sizes.length === 1;
    part("linear-key").hidden = !size().linear.some(linearPair);
    chart.line(size().linear.map(linearPair), "linear");
    for (const point of size().linear) {
      const says = [`exact linear, ${lambdaText(point.lambda)}`, `test MSE ${mean("mse", point.mse)}`, `test accuracy ${mean("accuracy", point.accuracy)}`];
      const index = model().lambdas.indexOf(point.lambda);
      if (linearPair(point)) chart.dot(linearPair(point), "linear-dot", 2.2, 0, index < 0 ? null : index, says);
    }
    chart.line(size().trained.map(trainedPair), "line");
    const ideal = corner();
    part("corner-key").hidden = ideal === null;
    if (ideal) chart.cross(ideal, "corner");
    size().trained.forEach((point, i) => this.point(point, i));
    this.linear = chart.movable("now-linear");
    chart.add("circle", {r: 6}, this.linear);
    this.now = chart.movable("now");
    chart.add("circle", {r: 8}, this.now);
    chart.add("text", {class: "now-label"}, this.now);
    this.move();
  }

  /** Another size, faint, with its label at the first point where it fits. */
  other({k, trained}) {
    const pairs = trained.map(trainedPair);
    this.chart.line(pairs, "other", this.window);
    const places = there(pairs).map((pair) => this.chart.place(pair)).filter((place) => this.chart.holds(place));
    const isFree = ([x, y]) => this.names.every(([a, b]) => Math.abs(a - x) > 45 || Math.abs(b - y) > 14);
    const place = places.find(isFree);
    if (!place) return;
    this.names.push(place);
    const outside = place[0] > this.chart.width - 70;
    this.chart.text(`k = ${k}`, place[0] + (outside ? -6 : 6), place[1] - 8, outside ? "other-label end" : "other-label");
  }

  point(point, i) {
    const at = trainedPair(point);
    if (!at) return;
    const {mse, accuracy} = point;
    if (there(mse).length === 3) this.chart.bar([mse[1], at[1]], [mse[2], at[1]], "whisker");
    if (there(accuracy).length === 3) this.chart.bar([at[0], accuracy[1]], [at[0], accuracy[2]], "whisker");
    const says = [lambdaText(model().lambdas[i]), sentence("mse", mse), sentence("accuracy", accuracy)];
    this.chart.dot(at, "dot", 4.5, share(i), i, says);
  }

  /** Moves the marks to the selected λ. */
  move() {
    if (this.figure.hidden) return;
    const now = trainedPair(size().trained[picked.lambda]);
    this.chart.move(this.now, now);
    this.chart.move(this.linear, linearNow() && linearPair(linearNow()));
    const label = this.now.querySelector("text");
    label.textContent = lambdaText(model().lambdas[picked.lambda]);
    const outside = now && this.chart.place(now)[0] > this.chart.width - 90;
    label.setAttribute("class", outside ? "now-label end" : "now-label");
    label.setAttribute("x", outside ? -13 : 13);
    label.setAttribute("y", 15);
  }

  description() {
    const name = `${model().data}, ${model().family}, k = ${size().k}`;
    return `Test accuracy over test MSE of ${name}, one point for each λ. The table below has all values.`;
  }
}

/** One loss over λ, with its spread over seeds. */
class Loss {
  constructor(name, onPick) {
    this.name = name;
    this.figure = part(name);
    this.chart = new Chart(this.figure, onPick);
  }

  draw() {
    const values = range(this.name);
    const shown = size().trained.some((point) => point[this.name] !== null);
    this.figure.hidden = !shown;
    if (!shown) return;
    const {chart, name} = this;
    const {lambdas} = model();
    const {name: title, unit} = MEASURES[name];
    const label = unit ? `${title},${unit}` : title;
    const y = new Axis(values, {mayBeLogarithmic: true});
    const description = `${title} over λ. The table below has all values.`;
    chart.begin(new LambdaAxis(lambdas), y, "λ, weight of reconstruction", y.logarithmic ? `${label} (log scale)` : label, description);
    this.rule = chart.movable("rule");
    chart.add("line", {y1: MARGIN.top, y2: chart.height - MARGIN.bottom}, this.rule);
    const linear = lambdas.map((lambda, i) => {
      const value = size().linear.find((point) => point.lambda === lambda)?.[name] ?? null;
      return value === null ? null : [i, value];
    });
    chart.line(linear, "linear");
    const {trained} = size();
    chart.band(trained.map((point, i) => (there(point[name] ?? []).length === 3 ? [i, ...point[name].slice(1)] : null)), `band ${name}`);
    chart.line(trained.map((point, i) => (point[name] ? [i, point[name][0]] : null)), `line ${name}`);
    trained.forEach((point, i) => {
      if (!point[name]) return;
      const says = [lambdaText(lambdas[i]), sentence(name, point[name])];
      if (linear[i]) says.push(`exact linear ${mean(name, linear[i][1])}`);
      chart.dot([i, point[name][0]], "dot", 3.5, share(i), i, says);
    });
    this.now = chart.movable("now");
    chart.add("circle", {r: 7}, this.now);
    this.move();
  }

  move() {
    if (this.figure.hidden) return;
    const value = size().trained[picked.lambda][this.name];
    this.chart.move(this.now, value && [picked.lambda, value[0]]);
    const x = this.chart.across(this.chart.x.at(picked.lambda));
    this.rule.style.transform = `translate(${x.toFixed(2)}px, 0)`;
  }
}

