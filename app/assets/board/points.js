// The points of a line, and what is asked of them.

/**
 * @typedef {Object} Points Columns of equal length, x rising.
 * @property {Float64Array} x
 * @property {Float64Array} steps
 * @property {Float32Array | Float64Array} y What is drawn; smoothed where `raw` is there.
 * @property {Float32Array | Float64Array | null} raw
 * @property {Float32Array | Float64Array | null} low
 * @property {Float32Array | Float64Array | null} high
 * @property {Float32Array | null} counts Of how many runs each point is the mean.
 */

const NONE = new Float64Array(0)

/** @type {Points} */
export const NOTHING = { x: NONE, steps: NONE, y: NONE, raw: null, low: null, high: null, counts: null }

/**
 * The old points below `from`, then the new ones.
 * @param {Points} old
 * @param {number} from NaN: only the new ones.
 * @param {Points} added
 * @returns {Points}
 */
export function joined(old, from, added) {
  const kept = Number.isNaN(from) ? 0 : firstAtLeast(old.x, from)
  if (kept === 0) return added
  const steps = old.steps === old.x && added.steps === added.x ? null : append(old.steps, kept, added.steps)
  const x = append(old.x, kept, added.x)
  return {
    x,
    steps: steps ?? x,
    y: append(old.y, kept, added.y),
    raw: appendMaybe(old.raw, kept, added.raw),
    low: appendMaybe(old.low, kept, added.low),
    high: appendMaybe(old.high, kept, added.high),
    counts: appendMaybe(old.counts, kept, added.counts),
  }
}

function append(old, kept, added) {
  const Kind = old.BYTES_PER_ELEMENT > added.BYTES_PER_ELEMENT ? old.constructor : added.constructor
  const all = new Kind(kept + added.length)
  all.set(old.subarray(0, kept))
  all.set(added, kept)
  return all
}

const appendMaybe = (old, kept, added) => (old && added ? append(old, kept, added) : null)

/** First index with xs[i] >= x; the length if there is none. */
export function firstAtLeast(xs, x) {
  let low = 0, high = xs.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (xs[middle] < x) low = middle + 1
    else high = middle
  }
  return low
}

/** Index of the point nearest to x, -1 without points. */
export function nearest(xs, x) {
  const right = firstAtLeast(xs, x)
  if (right === 0) return xs.length ? 0 : -1
  if (right === xs.length) return right - 1
  return x - xs[right - 1] <= xs[right] - x ? right - 1 : right
}

/**
 * The part of the points that a window shows, with a neighbour on each side.
 * @returns {[number, number]} first index, end
 */
export function visible(xs, low, high) {
  return [Math.max(0, firstAtLeast(xs, low) - 1), Math.min(xs.length, firstAtLeast(xs, high) + 2)]
}
