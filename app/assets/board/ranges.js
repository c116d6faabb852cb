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
  const limits = look.ignores_outliers ? new Sorted() : new Extremes()
  let numHidden = 0
  for (const { points } of lines) {
    const [first, end] = visible(points.x, left, right)
    for (const column of [points.y, points.raw, points.low, points.high]) {
      if (!column) continue
      let numSkipped = 0
      for (let i = first; i < end; i++) {
        const value = column[i]
        if (look.is_log_y && value <= 0) numSkipped++
        else if (value - value === 0) limits.add(value) // neither NaN nor infinite
      }
      if (column === points.y) numHidden += numSkipped
    }
  }
  const found = limits.range()
  if (!found) return { range: look.is_log_y ? [0.1, 1] : [0, 1], numHidden, numClipped: 0 }
  const range = padded(found, look.is_log_y)
  return { range, numHidden, numClipped: limits.numOutside(range) }
}

class Extremes {
  low = Infinity
  high = -Infinity
  add(value) {
    if (value < this.low) this.low = value
    if (value > this.high) this.high = value
  }
  range() { return this.low <= this.high ? [this.low, this.high] : null }
  numOutside() { return 0 }
}

/** The range without the outermost values at each end; of few values all are in it. */
class Sorted {
  values = []
  add(value) { this.values.push(value) }
  range() {
    if (!this.values.length) return null
    const sorted = Float64Array.from(this.values).sort()
    const last = sorted.length - 1, cut = last < 10 ? 0 : OUTLIERS
    return [sorted[Math.floor(last * cut)], sorted[Math.ceil(last * (1 - cut))]]
  }
  numOutside([low, high]) { return this.values.filter((value) => value < low || value > high).length }
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
