// Connects the controls with the views.

const images = new TestImages();
const latents = new Latents();
const plots = [new TradeOff(pickLambda), new Loss("mse", pickLambda), new Loss("entropy", pickLambda)];

/** Updates everything after a model or size was selected. */
function drawAll() {
  drawPickers();
  drawTable();
  for (const shown of [images, latents, ...plots]) shown.draw();
  drawNumbers();
}

/** Updates what depends on λ only. */
function moveAll() {
  for (const shown of [images, latents, ...plots]) shown.move();
  drawNumbers();
}

function pickLambda(index) {
  picked.lambda = index;
  moveAll();
  writeAddress();
}

function pick(index, k) {
  pickModel(index, k, model().lambdas[picked.lambda]);
  drawAll();
  writeAddress();
}

/** Fills a select element with options. */
function options(select, names, chosen) {
  const made = names.map((name) => Object.assign(element("option", {text: name}), {value: name, selected: name === chosen}));
  select.replaceChildren(...made);
  select.disabled = names.length === 1;
}

function drawPickers() {
  const {data, family, sizes, lambdas} = model();
  options(part("data"), [...new Set(models.map((model) => model.data))], data);
  options(part("family"), models.filter((model) => model.data === data).map((model) => model.family), family);
  const focused = part("sizes").contains(document.activeElement);
  const choices = sizes.map(({k}, i) => {
    const input = Object.assign(element("input"), {type: "radio", name: "explorer-k", checked: i === picked.size});
    input.addEventListener("change", () => pick(picked.model, k));
    return element("label", {children: [input, element("span", {text: k})]});
  });
  part("sizes").replaceChildren(...choices);
  if (focused) choices[picked.size].querySelector("input").focus();
  const slider = part("slider");
  slider.max = lambdas.length - 1;
  slider.disabled = lambdas.length === 1;
  const marks = lambdas.map((lambda, i) => {
    const mark = element("span", {className: "mark", text: short(lambda, 4)});
    mark.style.setProperty("--share", lambdas.length === 1 ? 0.5 : share(i));
    mark.addEventListener("click", () => pickLambda(i));
    return mark;
  });
  part("marks").replaceChildren(...marks);
  thinMarks();
}

/** If the labels of λ would overlap, only the ends and the selected one are shown. */
function thinMarks() {
  part("marks").classList.toggle("sparse", part("marks").clientWidth < 40 * model().lambdas.length);
}

/** The mean of a measure, and its spread below. */
function value(name, spreadOf) {
  const between = spread(name, spreadOf).trim().slice(1, -1);
  return [
    element("b", {className: "mean", text: mean(name, spreadOf && spreadOf[0])}),
    element("small", {text: between || "\u00a0"}),
  ];
}

/** Shows the values at the selected λ, and updates the slider. */
function drawNumbers() {
  const {lambdas} = model();
  const point = size().trained[picked.lambda];
  const lambda = short(lambdas[picked.lambda], 4);
  const slider = part("slider");
  slider.value = picked.lambda;
  const aloud = Object.keys(MEASURES).map((name) => `${MEASURES[name].name} ${mean(name, point[name] && point[name][0])}`);
  slider.setAttribute("aria-valuetext", `λ = ${lambda}: ${aloud.join(", ")}`);
  part("lambda").textContent = lambda;
  [...part("marks").children].forEach((mark, i) => mark.classList.toggle("picked", i === picked.lambda));
  const linear = linearNow();
  const error = element("div", {className: "tile mse", children: [
    element("p", {text: "Test MSE"}),
    ...value("mse", point.mse),
    ...(linear ? [element("small", {text: `exact linear ${mean("mse", linear.mse)}`})] : []),
  ]});
  const readers = [["online head", point.accuracy], ...size().readers.map(({name, accuracy}) => [name, accuracy[picked.lambda]])];
  const cells = readers.map(([name, accuracy]) => element("div", {children: [
    element("dt", {text: name}),
    element("dd", {children: value("accuracy", accuracy)}),
  ]}));
  const accuracies = element("div", {className: "tile accuracy", children: [
    element("p", {text: readers.length === 1 ? "Test accuracy" : "Test accuracy, by reader of the latent"}),
    element("dl", {children: cells}),
  ]});
  part("results").replaceChildren(error, accuracies);
  const seeds = point.n === 0 ? "Not trained" : `${point.n} ${point.n === 1 ? "seed" : "seeds"}`;
  part("seeds").textContent = `${seeds} at ${lambdaText(lambdas[picked.lambda])}.`;
  part("table").querySelectorAll("tbody tr").forEach((row, i) => {
    row.classList.toggle("picked", i === picked.lambda);
  });
}

/** The table of all values of the selected model and size, as an alternative to the plots. */
function drawTable() {
  const {data, family, lambdas} = model();
  const hasLinear = size().linear.length > 0;
  const names = [...Object.keys(MEASURES)];
  const head = ["λ", ...names.map((name) => MEASURES[name].name + (MEASURES[name].unit && `,${MEASURES[name].unit}`)), "seeds"];
  head.push(...size().readers.map(({name}) => `accuracy of ${name}, %`));
  if (hasLinear) head.push("exact linear MSE", "exact linear accuracy, %");
  const rows = lambdas.map((lambda, i) => {
    const point = size().trained[i];
    const texts = names.map((name) => MEASURES[name].write(point[name] && point[name][0]) + spread(name, point[name]));
    texts.push(String(point.n));
    texts.push(...size().readers.map(({accuracy}) => percent(accuracy[i] && accuracy[i][0]) + spread("accuracy", accuracy[i])));
    if (hasLinear) {
      const linear = size().linear.find((point) => point.lambda === lambda);
      texts.push(precise(linear?.mse ?? null), percent(linear?.accuracy ?? null));
    }
    const first = element("th", {text: short(lambda, 4)});
    first.scope = "row";
    return element("tr", {children: [first, ...texts.map((text) => element("td", {text}))]});
  });
  const heads = head.map((text) => Object.assign(element("th", {text}), {scope: "col"}));
  part("table").replaceChildren(
    element("caption", {text: `${data}, ${family}, k = ${size().k}`}),
    element("thead", {children: [element("tr", {children: heads})]}),
    element("tbody", {children: rows}),
  );
}

part("data").addEventListener("change", ({target}) => pick(find(target.value, model().family), size().k));
part("family").addEventListener("change", ({target}) => pick(find(model().data, target.value), size().k));
part("slider").addEventListener("input", ({target}) => pickLambda(Number(target.value)));
addEventListener("hashchange", () => {
  if (readAddress()) drawAll();
});

pickFirst();
const asked = readAddress();
part("body").hidden = false;
drawAll();
// The parameter `only` shows the explorer alone, for a screenshot or a frame in another page.
document.documentElement.classList.toggle("only-explorer", new URLSearchParams(location.hash.slice(1)).has("only"));
// The fragment is not an element id, so the browser has not scrolled.
if (asked) section.scrollIntoView({behavior: "instant"});

// Charts are drawn in pixels and must be redrawn for a new width.
let width = section.clientWidth;
new ResizeObserver(() => {
  if (section.clientWidth === width) return;
  width = section.clientWidth;
  thinMarks();
  latents.paint();
  for (const plot of plots) plot.draw();
}).observe(section);
