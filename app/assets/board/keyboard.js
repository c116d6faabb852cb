// A chart by keyboard: arrows move the cursor, + and - zoom, 0 shows everything.

import { nearest } from "./points.js"

const ZOOM = 0.5, STRIDE = 10

/** @param {Object} chart @param {KeyboardEvent} event */
export function keyboard(chart, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const act = ACTS[event.key]
  if (!act) return
  event.preventDefault()
  act(chart, event.shiftKey ? STRIDE : 1)
}

const ACTS = {
  ArrowLeft: (chart, stride) => move(chart, -stride),
  ArrowRight: (chart, stride) => move(chart, stride),
  Home: (chart) => move(chart, -Infinity),
  End: (chart) => move(chart, Infinity),
  "+": (chart) => zoom(chart, ZOOM),
  "=": (chart) => zoom(chart, ZOOM),
  "-": (chart) => zoom(chart, 1 / ZOOM),
  "0": (chart) => chart.board.zoomTo(null),
  Escape: (chart) => chart.board.hover(null, null),
}

/** By points of the first line that is shown. */
function move(chart, by) {
  const line = chart.lines.find((found) => !found.isHidden && found.points.x.length)
  if (!line) return
  const xs = line.points.x, { hoverX } = chart.board
  const at = hoverX == null ? (by < 0 ? xs.length : -1) : nearest(xs, hoverX)
  const next = Math.max(0, Math.min(xs.length - 1, at + by))
  chart.mouse = null
  chart.board.hover(xs[next], chart)
}

function zoom(chart, factor) {
  const [low, high] = chart.xRange
  const middle = chart.board.hoverX ?? (low + high) / 2
  const next = [middle - (middle - low) * factor, middle + (high - middle) * factor]
  const { whole } = chart
  const isWhole = factor > 1 && whole && next[0] <= whole[0] && next[1] >= whole[1]
  chart.board.zoomTo(isWhole ? null : next)
}
