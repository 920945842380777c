// Test images above their reconstructions.

class TestImages {
  constructor() {
    this.figure = part("images");
    this.caption = part("images-caption");
    this.pairs = [];
    this.sheet = null;
  }

  /** Creates a pair of canvases for each image; the sheet is decoded asynchronously. */
  draw() {
    const {images} = size();
    this.figure.hidden = model().sizes.every((other) => other.images === null);
    this.sheet = null;
    part("strip").replaceChildren();
    if (images === null) {
      if (!this.figure.hidden) this.caption.textContent = `Images are stored ${elsewhere("images")}.`;
      return;
    }
    this.pairs = images.labels.map((label) => ({name: model().classes[label], original: this.canvas(), made: this.canvas()}));
    const cells = this.pairs.map(({name, original, made}) =>
      element("div", {className: "pair", children: [original, made, element("span", {text: name})]}));
    part("strip").replaceChildren(...cells);
    const sheet = new Image();
    sheet.src = `data:image/png;base64,${images.sheet}`;
    this.move();
    sheet.decode().then(() => {
      // Another model may have been selected in the meantime.
      if (size().images !== images) return;
      this.sheet = sheet;
      this.pairs.forEach(({original}, column) => this.copy(original, column, 0));
      this.move();
    });
  }

  canvas() {
    const {w, h} = size().images;
    const canvas = Object.assign(element("canvas"), {width: w, height: h});
    canvas.setAttribute("role", "img");
    return canvas;
  }

  copy(canvas, column, row) {
    const {w, h} = size().images;
    canvas.getContext("2d").drawImage(this.sheet, column * w, row * h, w, h, 0, 0, w, h);
  }

  /** Shows the reconstructions of the selected λ. */
  move() {
    if (size().images === null) return;
    const row = size().images.rows[picked.lambda];
    const lambda = lambdaText(model().lambdas[picked.lambda]);
    this.pairs.forEach(({name, original, made}, column) => {
      original.setAttribute("aria-label", `test image, ${name}`);
      made.setAttribute("aria-label", row === null ? `${name}: no reconstruction` : `its reconstruction at ${lambda}`);
      made.classList.toggle("missing", row === null);
      made.getContext("2d").clearRect(0, 0, made.width, made.height);
      if (this.sheet && row !== null) this.copy(made, column, row);
    });
    this.caption.textContent = row === null
      ? `Test images. There are no reconstructions at ${lambda}.`
      : `Above: test images. Below: their reconstructions at ${lambda}.`;
  }
}

