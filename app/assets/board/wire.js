// Reads what the server sends of lines; the layout is told in backend/services/feed_wire.py.

const HAS_STEPS = 1, HAS_RAW = 2, HAS_BAND = 4, HAS_COUNTS = 8, IS_WIDE = 16

/**
 * @typedef {Object} Part News of a line: `points` replace those with x >= `replacesFrom`, or all if it is NaN.
 * @property {number} chart
 * @property {number} line
 * @property {number} total How many points there are in the window.
 * @property {number} replacesFrom
 * @property {import("./points.js").Points} points
 * @property {{x: Float64Array, y: Float32Array}[]} ghosts
 */

/**
 * @param {ArrayBuffer} message
 * @returns {{question: number, parts: Part[]}}
 */
export function decode(message) {
  const view = new DataView(message)
  if (view.getUint8(0) !== 1) throw new Error("The page and the server are of different versions; reload the page.")
  const reader = { message, view, at: 8 }
  const parts = []
  for (let i = 0; i < view.getUint16(2, true); i++) parts.push(readPart(reader))
  return { question: view.getUint32(4, true), parts }
}

function readPart(reader) {
  const { view, at } = reader
  const flags = view.getUint8(at + 4)
  const numGhosts = view.getUint8(at + 5)
  const length = view.getUint32(at + 8, true)
  const part = {
    chart: view.getUint16(at, true),
    line: view.getUint16(at + 2, true),
    total: view.getUint32(at + 12, true),
    replacesFrom: view.getFloat64(at + 16, true),
    points: null,
    ghosts: [],
  }
  reader.at += 24
  const drawn = flags & IS_WIDE ? Float64Array : Float32Array
  const x = column(reader, Float64Array, length)
  part.points = {
    x,
    steps: flags & HAS_STEPS ? column(reader, Float64Array, length) : x,
    y: column(reader, drawn, length),
    raw: flags & HAS_RAW ? column(reader, drawn, length) : null,
    low: flags & HAS_BAND ? column(reader, drawn, length) : null,
    high: flags & HAS_BAND ? column(reader, drawn, length) : null,
    counts: flags & HAS_COUNTS ? column(reader, Float32Array, length) : null,
  }
  for (let i = 0; i < numGhosts; i++) {
    const size = view.getUint32(reader.at, true)
    reader.at += 4
    part.ghosts.push({ x: column(reader, Float64Array, size), y: column(reader, Float32Array, size) })
  }
  return part
}

/** A copy, since columns are not aligned. All machines that run a browser are little endian. */
function column(reader, Kind, length) {
  const end = reader.at + length * Kind.BYTES_PER_ELEMENT
  const found = new Kind(reader.message.slice(reader.at, end))
  reader.at = end
  return found
}
