// Looks at the page as a reader would, and says what is wrong: one line for each complaint, to the page around it.
{
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const wrong = [];
  const complain = (what, element) => wrong.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
  const seen = (element) => element.checkVisibility() && element.getClientRects().length > 0 && !element.closest(".vh, .skip");

  /** The least size of text on a screen, in pixels. */
  const SMALLEST = 9;
  /** The least contrast of text to its background (WCAG 2, AA). */
  const CONTRAST = 4.5;

  function ownText(element) {
    return [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== "");
  }

  function size(element) {
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (!(element instanceof SVGElement)) return size;
    // The length of a unit on the screen, for turned text too.
    const {a, b} = element.getScreenCTM();
    return size * Math.hypot(a, b);
  }

  const channels = (colour) => colour.match(/^rgba?\(([^)]+)\)$/)?.[1].split(/[ ,/]+/).map(Number);

  function background(element) {
    for (let at = element; at; at = at.parentElement) {
      const {backgroundColor} = getComputedStyle(at);
      const found = channels(backgroundColor);
      if (!found) return null;
      if ((found[3] ?? 1) > 0) return found;
    }
    return [255, 255, 255];
  }

  function luminance(colour) {
    const [r, g, b] = colour.slice(0, 3).map((byte) => {
      const v = byte / 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function contrast(element) {
    const style = getComputedStyle(element);
    const [text, behind] = [channels(element instanceof SVGElement ? style.fill : style.color), background(element)];
    if (!text || !behind) return Infinity;
    const [a, b] = [luminance(text), luminance(behind)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }

  function name(element) {
    const by = element.getAttribute("aria-labelledby");
    if (by) return by.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
    const label = element.getAttribute("aria-label") ?? element.closest("label")?.textContent;
    return label ?? element.textContent;
  }

  function look() {
    if (document.documentElement.scrollWidth > innerWidth) {
      const wide = all("main *").find((element) => seen(element) && element.getBoundingClientRect().right > innerWidth + 1 && !element.closest(".ps, .card, .sc, .scroll, .fold > div"));
      complain("wider than the screen", wide ?? document.documentElement);
    }
    for (const element of all("body *").filter((element) => ownText(element) && seen(element) && !element.closest("script, style"))) {
      if (size(element) < SMALLEST) complain(`text of ${size(element).toFixed(1)} px`, element);
      if (contrast(element) < CONTRAST && !element.closest(".no")) complain(`contrast of ${contrast(element).toFixed(1)}`, element);
    }
    for (const element of all("button, a[href], input, select, summary, canvas[role], svg[role], [tabindex='0']")) {
      if (seen(element) && name(element).trim() === "") complain("without a name", element);
    }
    const ids = all("[id]").map((element) => element.id);
    for (const id of new Set(ids)) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`id ${id} is used twice`);
    for (const table of all("table")) if (all("th[scope]", table).length === 0) complain("table without headers", table);
    for (const element of all("[tabindex]")) if (element.tabIndex > 0) complain("out of the order of the page", element);
    for (const {name: address} of performance.getEntriesByType("resource")) {
      if (!address.startsWith("data:")) wrong.push(`loads ${address}`);
    }
  }

  // After the charts of the explorer have been drawn and its images decoded.
  setTimeout(() => {
    try {
      look();
      window.probe?.(complain);
    } catch (error) {
      wrong.push(`the probe failed: ${error.stack}`);
    }
    parent.postMessage(wrong.slice(0, 20).join("\n"), "*");
  }, 600);
}
