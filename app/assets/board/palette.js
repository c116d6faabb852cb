// Colours of lines and of the page, for light and dark.

/** Twelve colours, told apart also without red or green sight; see tests/unit/test_board_palette.py. */
const LIGHT = ["#2453c4", "#c75b00", "#00806a", "#b3226e", "#0092c7", "#7d6200", "#6b3fa0", "#d13a3a", "#4d7c0f", "#5c6b7a", "#7a3b1d", "#111827"]
const DARK = ["#7aa2ff", "#f0a35e", "#3fd0b4", "#f58cc0", "#5cc8f5", "#d9c04a", "#b794f6", "#ff7b72", "#a3d977", "#a9b6c6", "#d0977a", "#f2f5fa"]
/** Beyond the palette, colours come again with another dash. */
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]]

/**
 * What a chart is drawn with, read from the theme of the page.
 * @param {Element} element Any element within the component.
 */
export function inks(element) {
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
    colors: isDark ? DARK : LIGHT,
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
