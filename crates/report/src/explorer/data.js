// The data of the page, the current selection, and its encoding in the URL fragment.

const section = document.querySelector(".explorer");

/** The element of the explorer with this part. */
const part = (name) => section.querySelector(`[data-part="${name}"]`);

const {models, markers} = JSON.parse(part("json").textContent);

/** Indices: a model, a size of it and a λ of it. */
const picked = {model: 0, size: 0, lambda: 0};

const model = () => models[picked.model];
const size = () => model().sizes[picked.size];

/** The k for which the selected model has data that the selected size lacks: `for k = 2, 16, not for k = 4`. */
function elsewhere(name) {
  const others = model().sizes.filter((other) => other[name] !== null).map(({k}) => k);
  return `for k = ${others.join(", ")}, not for k = ${size().k}`;
}

/** The index of the value that is nearest to `target`, the first of equals. */
function nearest(values, target) {
  const distances = values.map((value) => Math.abs(value - target));
  return distances.indexOf(Math.min(...distances));
}

/** Selects a model, and its nearest size and λ. */
function pickModel(index, k, lambda) {
  picked.model = index;
  picked.size = nearest(model().sizes.map((size) => size.k), k);
  picked.lambda = nearest(model().lambdas, lambda);
}

/** The model of a data set and family; the first one of the data set if it does not have that family. */
function find(data, family) {
  const exact = models.findIndex((model) => model.data === data && model.family === family);
  return exact >= 0 ? exact : models.findIndex((model) => model.data === data);
}

/** The initial selection: the first model and size with images and latents, or with most of them, and the λ in the middle. */
function pickFirst() {
  const parts = ({images, latents}) => Number(images !== null) + Number(latents !== null);
  const most = Math.max(...models.flatMap(({sizes}) => sizes.map(parts)));
  const index = models.findIndex(({sizes}) => sizes.some((size) => parts(size) === most));
  const {sizes, lambdas} = models[index];
  const whole = sizes.filter((size) => parts(size) === most);
  pickModel(index, whole[Math.floor(whole.length / 2)].k, lambdas[Math.floor(lambdas.length / 2)]);
}

/** Applies the selection in the URL fragment and returns whether there is one; missing parts are unchanged. */
function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  if (!asked.has("explorer") || [...asked].length === 1) return false;
  const number = (name, otherwise) => {
    const value = Number.parseFloat(asked.get(name));
    return Number.isFinite(value) ? value : otherwise;
  };
  const index = find(asked.get("data") ?? model().data, asked.get("family") ?? model().family);
  const [k, lambda] = [number("k", size().k), number("lambda", model().lambdas[picked.lambda])];
  pickModel(index >= 0 ? index : picked.model, k, lambda);
  return true;
}

/** Writes the selection into the URL fragment as a shareable link, without adding to the history. */
function writeAddress() {
  const {data, family, lambdas} = model();
  const asked = new URLSearchParams({data, family, k: size().k, lambda: lambdas[picked.lambda]});
  history.replaceState(null, "", `#explorer&${asked}`);
}

/** The bytes of a base64 text. */
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

