// Filters, hints on cells, sorted tables, and the contents.
{
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Filters: a group and a verdict of the claims, a verdict and words of the rows. A pressed verdict is released by a second
  // click.
  const picked = {g: "", v: "", r: ""};

  // The rows of all experiments in one table, each with a link to its experiment.
  const every = one(".every");
  const rows = [];
  if (every) {
    const tables = all(".exp table.rows");
    for (const table of tables) {
      const {id, firstElementChild: header} = table.closest(".exp");
      for (const row of all("tbody tr", table)) {
        const copy = row.cloneNode(true);
        const link = Object.assign(document.createElement("a"), {href: `#${id}`, textContent: one("h4", header).firstChild.textContent.trim()});
        one("small", copy).append("; in ", link);
        rows.push(copy);
      }
    }
    const body = document.createElement("tbody");
    body.append(...rows);
    one("table", every).append(tables[0].tHead.cloneNode(true), body);
    every.hidden = false;
    one("input", every).addEventListener("input", filterRows);
    filterRows();
  }

  function filter() {
    let shown = 0;
    for (const table of all(".mx")) {
      const rows = all("tbody tr", table);
      for (const row of rows) row.hidden = picked.v !== "" && !row.dataset.v.includes(picked.v);
      const left = rows.filter((row) => !row.hidden).length;
      table.hidden = left === 0 || (picked.g !== "" && table.dataset.group !== picked.g);
      if (!table.hidden) shown += left;
    }
    one(".none").classList.toggle("on", shown === 0);
    one(".count").textContent = `${shown} claims shown`;
  }

  function filterRows() {
    const words = one("input", every).value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const [verdict] = row.cells;
      row.hidden = (picked.r !== "" && !verdict.classList.contains(picked.r)) || !words.every((word) => text.includes(word));
    }
    one("[role=status]", every).textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  }

  for (const button of all("[data-filter] button")) {
    button.addEventListener("click", () => {
      const {filter: by} = button.parentNode.dataset;
      const {k} = button.dataset;
      picked[by] = by !== "g" && picked[by] === k ? "" : k;
      for (const other of all("button", button.parentNode)) other.setAttribute("aria-pressed", String(other.dataset.k === picked[by]));
      if (by === "r") filterRows();
      else filter();
    });
  }
  one(".show")?.addEventListener("click", ({target}) => {
    target.setAttribute("aria-pressed", String(one("#verdicts").classList.toggle("numbers-on")));
  });

  // A cell's numbers, beside it while the pointer or the focus is there.
  const hint = one(".hover");

  function say(cell) {
    const title = Object.assign(document.createElement("b"), {textContent: one(".lab", cell).textContent});
    hint.replaceChildren(title, ...all(".row", cell).map((row) => row.cloneNode(true)));
    hint.hidden = false;
    const box = cell.getBoundingClientRect();
    const left = Math.min(innerWidth - hint.offsetWidth - 8, box.left + box.width / 2 - hint.offsetWidth / 2);
    const above = box.top - hint.offsetHeight - 8;
    hint.style.left = `${Math.max(8, left)}px`;
    hint.style.top = `${above > 8 ? above : box.bottom + 8}px`;
  }

  const hush = () => {
    hint.hidden = true;
  };
  for (const cell of all(".c")) {
    cell.addEventListener("pointerenter", () => say(cell));
    cell.addEventListener("focus", () => cell.matches(":focus-visible") && say(cell));
    cell.addEventListener("pointerleave", hush);
    cell.addEventListener("blur", hush);
  }
  addEventListener("scroll", hush, {passive: true});

  // A table that is shown as cards loses its roles in some browsers.
  const roles = {table: "table", thead: "rowgroup", tbody: "rowgroup", tr: "row", td: "cell", "thead th": "columnheader", "tbody th": "rowheader"};
  for (const [selector, role] of Object.entries(roles)) {
    for (const element of all(`.mx ${selector}, .rows ${selector}`)) element.setAttribute("role", role);
  }
  for (const table of all("table.rows")) table.setAttribute("role", "table");

  // Tables of verdicts are sorted by a click on a column, and again for the other direction.
  for (const table of all("table.rows")) {
    all("thead th", table).forEach((head, column) => {
      const button = Object.assign(document.createElement("button"), {type: "button", textContent: head.textContent});
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of all("th", table)) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const text = (row) => row.cells[column].textContent.trim();
        const rows = all("tbody tr", table).sort((a, b) => text(a).localeCompare(text(b), "en", {numeric: true}));
        one("tbody", table).append(...(down ? rows.reverse() : rows));
      });
    });
  }

  // The contents.
  const side = one(".side");
  const button = one(".toc-button");

  function open(on) {
    side.classList.toggle("open", on);
    button.setAttribute("aria-expanded", String(on));
  }
  button.addEventListener("click", () => open(!side.classList.contains("open")));
  for (const link of all(".toc a")) link.addEventListener("click", () => open(false));
  addEventListener("keydown", ({key}) => {
    if (key !== "Escape") return;
    hush();
    if (side.classList.contains("open")) button.focus();
    open(false);
  });

  const links = new Map(all(".toc a").map((link) => [link.hash.slice(1), link]));
  const places = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  let here = null;
  let waits = false;

  // Marks the part that is being read, and opens its group.
  function mark() {
    waits = false;
    one(".up").classList.toggle("on", scrollY > 900);
    const above = places.filter((place) => place.getBoundingClientRect().top < 160);
    const now = above.at(-1) ?? places[0];
    if (!now || now === here) return;
    links.get(here?.id)?.removeAttribute("aria-current");
    here = now;
    const link = links.get(now.id);
    link.setAttribute("aria-current", "true");
    const group = link.closest("details");
    if (group) group.open = true;
    if (side.scrollHeight > side.clientHeight) side.scrollTop = link.offsetTop - side.clientHeight / 2;
  }
  addEventListener("scroll", () => {
    if (!waits) requestAnimationFrame(mark);
    waits = true;
  }, {passive: true});
  mark();
}
