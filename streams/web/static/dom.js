// Elements without markup strings: text from outside can only ever become text.

export const byId = (id) => document.getElementById(id);

export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

// Put children in place of what is there, unless nothing changed: a selection, a focus and the
// words of a screen reader are left alone.
export function fill(parent, ...children) {
  const next = parent.cloneNode(false);
  next.append(...children.filter((child) => child != null));
  if (!next.isEqualNode(parent)) parent.replaceChildren(...next.childNodes);
}

export function table(attributes, caption, head, rows, foot = []) {
  const line = (cells) => el("tr", null, ...cells);
  return el(
    "table", attributes,
    el("caption", null, caption),
    el("thead", null, line(head.map((cell) => header("col", cell)))),
    el("tbody", null, ...rows.map(line)),
    foot.length ? el("tfoot", null, ...foot.map(line)) : null,
  );
}

export function header(scope, content) {
  return content instanceof Element && content.tagName === "TH" ? content : el("th", { scope }, content);
}

export function swatch(paint, pattern) {
  return el("span", { class: `swatch ${paint} ${pattern}`.trim(), "aria-hidden": "true" });
}

// A group of radio buttons; calls back with the chosen key. Returns what checks the one of a view.
export function choice(fieldset, options, then) {
  const inputs = options.map(({ key, name, long, title }) => {
    const input = el("input", { type: "radio", name: fieldset.id, value: key });
    input.addEventListener("change", () => then(key));
    fieldset.append(el("label", title || long ? { title: title ?? `last ${long}` } : null, input, el("span", null, name)));
    return input;
  });
  return (view) => { for (const input of inputs) input.checked = input.value === view[fieldset.id]; };
}
