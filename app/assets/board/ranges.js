// Which part of the axes a chart shows.

import { visible } from "./points.js"

const OUTLIERS = 0.05 // of the values at each end, as in TensorBoard
const MARGIN = 0.06

/** The x values of all lines, from the first to the last point; null without any. */
export function xRange(lines, isLog) {
  let low = Infinity, high = -Infinity
  for (const { points: { x } } of lines) {
    if (!x.length) continue
    let first = 0
    if (isLog) while (first < x.length && x[first] <= 0) first++
    if (first === x.length) continue
    low = Math.min(low, x[first])
    high = Math.max(high, x[x.length - 1])
  }
  if (low > high) return null
  return low === high ? (isLog ? [low / 1.5, high * 1.5] : [low - 0.5, high + 0.5]) : [low, high]
}

/**
 * The y range of what is seen between two x, and how many values a logarithmic axis cannot show.
 * @returns {{range: [number, number], numHidden: number, numClipped: number}}
 */
export function yRange(lines, [left, right], look) {
  const values = []
  let numHidden = 0
  for (const { points } of lines) {
    const [first, end] = visible(points.x, left, right)
    for (const column of [points.y, points.raw, points.low, points.high]) {
      if (!column) continue
      const isDrawnLine = column === points.y
      for (let i = first; i < end; i++) {
        const value = column[i]
        if (!Number.isFinite(value)) continue
        if (look.is_log_y && value <= 0) { if (isDrawnLine) numHidden++; continue }
        values.push(value)
      }
    }
  }
  if (!values.length) return { range: look.is_log_y ? [0.1, 1] : [0, 1], numHidden, numClipped: 0 }
  const limits = look.ignores_outliers && values.length > 10 ? inner(values) : extremes(values)
  const range = padded(limits, look.is_log_y)
  const numClipped = look.ignores_outliers ? values.filter((v) => v < range[0] || v > range[1]).length : 0
  return { range, numHidden, numClipped }
}

function extremes(values) {
  let low = values[0], high = values[0]
  for (const value of values) {
    if (value < low) low = value
    else if (value > high) high = value
  }
  return [low, high]
}

function inner(values) {
  const sorted = Float64Array.from(values).sort()
  const last = sorted.length - 1
  return [sorted[Math.floor(last * OUTLIERS)], sorted[Math.ceil(last * (1 - OUTLIERS))]]
}

function padded([low, high], isLog) {
  if (isLog) {
    const margin = Math.max((Math.log10(high) - Math.log10(low)) * MARGIN, 0.02)
    return [low / 10 ** margin, high * 10 ** margin]
  }
  const margin = (high - low) * MARGIN || Math.abs(high) * 0.1 || 0.5
  const bottom = low >= 0 && low - margin < 0 ? 0 : low - margin
  return [bottom, high + margin]
}

/** Places of ticks on a logarithmic axis: powers of ten, then 1-2-5, then evenly within less than a decade. */
export function logSplits(low, high, room) {
  const decades = Math.log10(high) - Math.log10(low)
  if (decades < 0.7) return evenSplits(low, high, room)
  const factors = decades <= room / 3 ? [1, 2, 5] : [1]
  const skip = Math.max(1, Math.ceil(decades / room))
  const found = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (power % skip) continue
    for (const factor of factors) {
      const split = Number(`${factor}e${power}`)
      if (split >= low && split <= high) found.push(split)
    }
  }
  return found
}

function evenSplits(low, high, room) {
  const rough = (high - low) / Math.max(2, room)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)
  const found = []
  for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(Number((i * step).toPrecision(12)))
  return found
}
