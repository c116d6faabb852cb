// Colours of lines and of the page, for light and dark.

/** Twelve colours, told apart also without red or green sight; see tests/unit/test_board_palette.py. */
const LIGHT = [
  "#2453c4", "#c75b00", "#0a7b84", "#ec1c8b", "#15793d", "#6f1cec",
  "#b48473", "#822b4e", "#9687be", "#4b4606", "#8b1a93", "#da2e45",
]
const DARK = [
  "#7aa2ff", "#f0a35e", "#1cdeec", "#ee38b2", "#38ee99", "#9355f1",
  "#d9f371", "#ec381c", "#b47384", "#47844f", "#e8e9d7", "#46d911",
]
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
