// The axes of a chart by uPlot, with our own lines drawn between them.

import uPlot from "./uPlot.js"
import * as numbers from "./numbers.js"
import { logSplits } from "./ranges.js"

const TIME_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000]
const WHOLE_STEPS = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat()
const FONT_PIXELS = 11
const LEAST_DRAG = 6 // CSS pixels

/**
 * @param {Object} chart Tells `xRange` and `yRange`; hears `paint` and `zoomTo`.
 * @param {HTMLElement} host
 * @param {{width: number, height: number}} size CSS pixels.
 */
export function makePlot(chart, host, size) {
  const { look } = chart, { ink } = chart.board
  const unit = chart.definition.unit
  const font = `${FONT_PIXELS}px ${ink.font}`
  const grid = { stroke: ink.grid, width: 1 }
  const common = { font, stroke: ink.faint, grid, ticks: { show: false } }
  return new uPlot({
    ...size,
    class: "studio",
    padding: [8, 22, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: look.x === "wall", distr: look.is_log_x ? 3 : 1, range: () => chart.xRange },
      y: { distr: look.is_log_y ? 3 : 1, range: () => chart.yRange },
    },
    series: [{}, { paths: () => null, points: { show: false } }],
    axes: [
      { ...common, size: 26, gap: 4, space: 64, ...xTicks(look) },
      { ...common, gap: 4, space: 34, size: (_, labels) => widthOf(labels, font), ...yTicks(look, unit) },
    ],
    cursor: {
      x: false,
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false, dist: LEAST_DRAG },
      bind: { dblclick: () => null },
    },
    hooks: { draw: [(plot) => chart.paint(plot)], setSelect: [(plot) => selected(plot, chart)] },
  }, chart.emptyData(), host)
}

function selected(plot, chart) {
  const { left, width } = plot.select
  if (width < LEAST_DRAG) return
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
  chart.board.zoomTo([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")])
}

function xTicks(look) {
  if (look.is_log_x) return logAxis("", 8)
  if (look.x === "wall") return { values: (_plot, splits, _axis, _space, increment) => numbers.clockTicks(splits, increment) }
  if (look.x === "relative") return { incrs: TIME_STEPS, values: (_, splits) => splits.map(numbers.seconds) }
  const values = (_plot, splits, _axis, _space, increment) => numbers.ticks(splits, increment, "")
  return look.x === "epoch" ? { values } : { incrs: WHOLE_STEPS, values }
}

function yTicks(look, unit) {
  if (look.is_log_y) return logAxis(unit, 5)
  const values = (_plot, splits, _axis, _space, increment) => numbers.ticks(splits, increment, unit)
  return unit === "bytes" ? { values, splits: (_plot, _axis, low, high) => byteSplits(low, high) } : { values }
}

const logAxis = (unit, room) => ({
  splits: (_plot, _axis, low, high) => logSplits(low, high, room),
  values: (_, splits) => numbers.logTicks(splits, unit),
  filter: (_, splits) => splits,
})

/** Four or five round places, round in powers of two. */
function byteSplits(low, high) {
  const rough = (high - low) / 5, power = 2 ** Math.max(0, Math.ceil(Math.log2(rough || 1)))
  const found = []
  for (let at = Math.ceil(low / power) * power; at <= high; at += power) found.push(at)
  return found
}

function widthOf(labels, font) {
  const longest = Math.max(3, ...(labels ?? []).map((label) => (label ?? "").length))
  return Math.ceil(longest * parseInt(font, 10) * 0.56) + 12
}
