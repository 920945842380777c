// Number formatting and HTML elements.

/** A value with at most `digits` significant digits; a dash if it is missing. */
function short(value, digits = 3) {
  return value === null ? "–" : String(Number(value.toPrecision(digits))).replace("-", "−");
}

/** A value with three significant digits including zeros, so that columns can be compared. */
const precise = (value) => (value === null ? "–" : value.toPrecision(3).replace("-", "−"));

/** A fraction as percent with one decimal. */
const percent = (value) => (value === null ? "–" : (100 * value).toFixed(1));

/** The measures of a λ: name, format and unit. */
const MEASURES = {
  mse: {name: "test MSE", write: precise, unit: ""},
  entropy: {name: "test cross-entropy", write: precise, unit: " nat"},
  accuracy: {name: "test accuracy", write: percent, unit: " %"},
};

/** `0.0714`, with its unit. */
const mean = (name, value) => (value === null ? "not measured" : MEASURES[name].write(value) + MEASURES[name].unit);

/** ` (0.07 to 0.0731)`; empty without a spread. */
function spread(name, value) {
  if (value === null || value[1] === null || value[2] === null) return "";
  const {write} = MEASURES[name];
  return ` (${write(value[1])} to ${write(value[2])})`;
}

/** `test MSE 0.0714 (0.07 to 0.0731)`. */
const sentence = (name, value) => `${MEASURES[name].name} ${mean(name, value && value[0])}${spread(name, value)}`;

/** A new HTML element with a class, a text and children; data are only inserted as text. */
function element(tag, {className = "", text = "", children = []} = {}) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

