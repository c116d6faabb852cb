// Lines that are parts of a whole, drawn on top of one another.

import { firstAtLeast } from "./points.js"

/**
 * Each shown line raised by all that are shown before it, with a band down to them; hidden and empty ones stay as they are.
 * Where two lines have no point at the same place, the lower one is interpolated.
 */
export function stacked(lines) {
  let below = null
  return lines.map((line) => {
    const { x, y } = line.points
    if (line.isHidden || !x.length) return line
    const low = Float64Array.from(x, (at) => heightAt(below, at))
    const high = Float64Array.from(y, (value, i) => value + low[i])
    below = { x, y: Float64Array.from(high, (value, i) => (Number.isFinite(value) ? value : low[i])) }
    return { ...line, ghosts: [], points: { ...line.points, y: high, raw: null, low, high } }
  })
}

/** How high the stack is at a place; beyond its ends as high as there. */
function heightAt(stack, at) {
  if (!stack) return 0
  const { x, y } = stack
  const right = firstAtLeast(x, at)
  if (right === 0) return y[0]
  if (right === x.length) return y[right - 1]
  const share = (at - x[right - 1]) / (x[right] - x[right - 1])
  return y[right - 1] + share * (y[right] - y[right - 1])
}
