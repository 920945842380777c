// Test images above what the decoder makes of them.

class Pictures {
  constructor() {
    this.figure = part("pictures");
    this.caption = part("pictures-caption");
    this.pairs = [];
    this.sheet = null;
  }

  /** Sets up a pair of canvases for each image; the sheet with all of them is decoded in the background. */
  draw() {
    const {pictures} = size();
    this.figure.hidden = model().sizes.every((other) => other.pictures === null);
    this.sheet = null;
    part("strip").replaceChildren();
    if (pictures === null) {
      if (!this.figure.hidden) this.caption.textContent = `Images were kept ${elsewhere("pictures")}.`;
      return;
    }
    this.pairs = pictures.labels.map((label) => ({name: model().classes[label], original: this.canvas(), made: this.canvas()}));
    const cells = this.pairs.map(({name, original, made}) =>
      element("div", {className: "pair", children: [original, made, element("span", {text: name})]}));
    part("strip").replaceChildren(...cells);
    const sheet = new Image();
    sheet.src = `data:image/png;base64,${pictures.sheet}`;
    this.move();
    sheet.decode().then(() => {
      // Another model may have been picked in the meantime.
      if (size().pictures !== pictures) return;
      this.sheet = sheet;
      this.pairs.forEach(({original}, column) => this.copy(original, column, 0));
      this.move();
    });
  }

  canvas() {
    const {w, h} = size().pictures;
    const canvas = Object.assign(element("canvas"), {width: w, height: h});
    canvas.setAttribute("role", "img");
    return canvas;
  }

  copy(canvas, column, row) {
    const {w, h} = size().pictures;
    canvas.getContext("2d").drawImage(this.sheet, column * w, row * h, w, h, 0, 0, w, h);
  }

  /** Shows the reconstructions of the picked λ. */
  move() {
    if (size().pictures === null) return;
    const row = size().pictures.rows[picked.lambda];
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
      : `Above: test images. Below: what the decoder makes of their latents at ${lambda}.`;
  }
}

