// What charts are drawn with, for light and dark.

/** Beyond the palette, colours come again with another dash. */
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]]

/**
 * What a chart is drawn with, read from the theme of the page.
 * @param {Element} element Any element within the component.
 * @param {{light: string[], dark: string[]}} palette Of lines; app/palette.py has it.
 */
export function inks(element, palette) {
  const style = getComputedStyle(element)
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise
  const background = read("--st-background-color", "#ffffff")
  const isDark = luminance(background) < 0.4
  return {
    isDark,
    background,
    text: read("--st-text-color", isDark ? "#f2f5fa" : "#0c111d"),
    faint: isDark ? "#c3ccdb" : "#3d4758",
    grid: isDark ? "rgba(195, 204, 219, 0.12)" : "rgba(61, 71, 88, 0.10)",
    font: read("--st-font", "sans-serif"),
    colors: isDark ? palette.dark : palette.light,
  }
}

export const colorOf = (line, ink) => ink.colors[line.color % ink.colors.length]

/** @returns {number[]} Lengths of strokes and gaps in CSS pixels. */
export function dashOf(line, ink) {
  const round = Math.floor(line.color / ink.colors.length) % DASHES.length
  return line.is_dashed ? DASHES[1 + (round % (DASHES.length - 1))] : DASHES[round]
}

/** Relative luminance of a #rrggbb or rgb() colour, 0 to 1. */
function luminance(color) {
  const hex = /^#([0-9a-f]{6})/i.exec(color)
  const parts = hex ? [0, 2, 4].map((i) => parseInt(hex[1].slice(i, i + 2), 16)) : (color.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number)
  if (parts.length < 3) return 1
  return (0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]) / 255
}
