// Makes elements. Text of runs and tags only ever becomes text.

/**
 * @param {string} tag
 * @param {Object<string, string | boolean | number | null | undefined>} [attributes] `class`, `title`, `aria-label`, ...
 * @param {...(Node | string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "")
    else if (value !== false && value != null) made.setAttribute(name, String(value))
  }
  made.append(...children)
  return made
}

const ICONS = {
  pin: "M9.5 1.5 14.5 6.5 11 8.5 9.5 12 4 6.5 7.5 5Z M6.5 9.5 2 14",
  grow: "M9 2h5v5 M14 2 9 7 M7 14H2V9 M2 14l5-5",
  save: "M8 2v8 M4.5 7 8 10.5 11.5 7 M2.5 13.5h11",
  link: "M6.5 9.5 9.5 6.5 M7 4.5 9 2.5a3 3 0 0 1 4.5 4.5L11 9 M9 11.5 7 13.5A3 3 0 0 1 2.5 9L5 7",
  reset: "M3 8a5 5 0 1 0 1.6-3.7 M2.5 2v3.5H6",
}

/** A button with an icon and a name for those who do not see it. */
export function iconButton(icon, label, onClick) {
  const button = element("button", { type: "button", class: "tool", title: label, "aria-label": label })
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("viewBox", "0 0 16 16")
  svg.setAttribute("aria-hidden", "true")
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path")
  path.setAttribute("d", ICONS[icon])
  svg.append(path)
  button.append(svg)
  button.onclick = onClick
  return button
}

/** Set text only where it differs, to spare the browser the layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}
