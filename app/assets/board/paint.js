// Draws lines, bands, ghosts and marks on the canvas of a chart.

import { colorOf, dashOf } from "./palette.js"
import { visible } from "./points.js"

/**
 * @typedef {Object} Frame From values to canvas pixels.
 * @property {(x: number) => number} px
 * @property {(y: number) => number} py
 * @property {{left: number, top: number, width: number, height: number}} box
 * @property {[number, number]} x Range of the x axis.
 * @property {number} ratio Canvas pixels per CSS pixel.
 */

/** @returns {Frame} */
export function frameOf(plot) {
  const { left, top, width, height } = plot.bbox
  const { x, y } = plot.scales
  return {
    px: mapping(x, left, width),
    py: mapping(y, top + height, -height),
    box: { left, top, width, height },
    x: [x.min, x.max],
    ratio: devicePixelRatio || 1,
  }
}

function mapping(scale, start, length) {
  if (scale.distr === 3) {
    const low = Math.log10(scale.min), factor = length / (Math.log10(scale.max) - low)
    return (value) => start + (Math.log10(value) - low) * factor
  }
  const factor = length / (scale.max - scale.min)
  return (value) => start + (value - scale.min) * factor
}

/** Everything between the axes. `focus` is the line under the mouse in the legend, or null. */
export function paint(context, frame, lines, look, ink, focus) {
  context.save()
  context.beginPath()
  context.rect(frame.box.left, frame.box.top, frame.box.width, frame.box.height)
  context.clip()
  context.lineJoin = "round"
  const shown = lines.filter((line) => !line.isHidden)
  for (const line of shown) band(context, frame, line, look, ink, focus)
  for (const line of shown) {
    context.globalAlpha = focus && focus !== line ? 0.15 : 1
    under(context, frame, line, look, ink)
  }
  for (const line of shown) {
    context.globalAlpha = focus && focus !== line ? 0.2 : 1
    over(context, frame, line, look, ink, focus === line)
  }
  context.restore()
}

/** The original behind the smoothed, and ghosts. */
function under(context, frame, line, look, ink) {
  const strength = context.globalAlpha
  context.strokeStyle = colorOf(line, ink)
  if (line.points.raw) {
    context.globalAlpha = strength * 0.28
    context.lineWidth = frame.ratio
    context.setLineDash([])
    trace(context, frame, line.points.x, line.points.raw, look, false)
  }
  if (!look.shows_ghosts) return
  context.globalAlpha = strength * 0.75
  context.lineWidth = frame.ratio
  context.setLineDash([frame.ratio, 3 * frame.ratio])
  for (const ghost of line.ghosts) trace(context, frame, ghost.x, ghost.y, look)
}

function over(context, frame, line, look, ink, isFocused) {
  context.strokeStyle = context.fillStyle = colorOf(line, ink)
  context.lineWidth = (isFocused ? 2.6 : 1.7) * frame.ratio
  context.setLineDash(dashOf(line, ink).map((length) => length * frame.ratio))
  trace(context, frame, line.points.x, line.points.y, look)
  context.setLineDash([])
  unusual(context, frame, line, look)
}

/** One stroke with gaps where values are not finite or not on the axis; single points become dots. */
function trace(context, frame, xs, ys, look, hasDots = true) {
  const { px, py, ratio } = frame
  const [first, end] = visible(xs, frame.x[0], frame.x[1])
  const dots = []
  let isDrawing = false
  context.beginPath()
  for (let i = first; i < end; i++) {
    if (!isDrawable(xs[i], ys[i], look)) { isDrawing = false; continue }
    const x = px(xs[i]), y = clamp(py(ys[i]), frame)
    if (isDrawing) context.lineTo(x, y)
    else {
      context.moveTo(x, y)
      if (hasDots && (i + 1 >= end || !isDrawable(xs[i + 1], ys[i + 1], look))) dots.push(x, y)
    }
    isDrawing = true
  }
  context.stroke()
  context.fillStyle = context.strokeStyle
  for (let i = 0; i < dots.length; i += 2) disc(context, dots[i], dots[i + 1], 2.2 * ratio)
}

const isDrawable = (x, y, look) => Number.isFinite(y) && (y > 0 || !look.is_log_y) && (x > 0 || !look.is_log_x)

/** Far outside is as good as infinitely far, and canvases dislike huge numbers. */
const clamp = (y, { box }) => Math.max(box.top - 4 * box.height, Math.min(box.top + 5 * box.height, y))

function band(context, frame, line, look, ink, focus) {
  const { x, low, high } = line.points
  if (!low || !high) return
  const [first, end] = visible(x, frame.x[0], frame.x[1])
  const bottom = look.is_log_y ? Number.MIN_VALUE : -Infinity
  const isThere = (i) => Number.isFinite(low[i]) && Number.isFinite(high[i]) && isDrawable(x[i], high[i], look)
  context.fillStyle = colorOf(line, ink)
  context.globalAlpha = focus && focus !== line ? 0.05 : 0.16
  for (let i = first; i < end; i++) {
    if (!isThere(i)) continue
    const start = i
    context.beginPath()
    for (; i < end && isThere(i); i++) context.lineTo(frame.px(x[i]), clamp(frame.py(high[i]), frame))
    for (let j = i - 1; j >= start; j--) context.lineTo(frame.px(x[j]), clamp(frame.py(Math.max(low[j], bottom)), frame))
    context.fill()
  }
}

/** NaN as a cross at the bottom, infinities as triangles at their end of the axis. */
function unusual(context, frame, line, look) {
  const { x, y, raw } = line.points
  const written = raw ?? y
  const { box, ratio } = frame
  const [first, end] = visible(x, frame.x[0], frame.x[1])
  context.lineWidth = 1.5 * ratio
  for (let i = first; i < end; i++) {
    if (Number.isFinite(written[i]) || (look.is_log_x && x[i] <= 0)) continue
    const at = frame.px(x[i]), size = 3.5 * ratio
    const bottom = box.top + box.height - 2 * size
    if (Number.isNaN(written[i])) cross(context, at, bottom, size)
    else if (written[i] > 0) triangle(context, at, box.top + 2, 2 * size)
    else triangle(context, at, box.top + box.height - 2, -2 * size)
  }
}

function cross(context, x, y, size) {
  context.beginPath()
  context.moveTo(x - size, y - size); context.lineTo(x + size, y + size)
  context.moveTo(x - size, y + size); context.lineTo(x + size, y - size)
  context.stroke()
}

function triangle(context, x, tip, height) {
  context.beginPath()
  context.moveTo(x, tip); context.lineTo(x - height / 1.7, tip + height); context.lineTo(x + height / 1.7, tip + height)
  context.fill()
}

export function disc(context, x, y, radius) {
  context.beginPath()
  context.arc(x, y, radius, 0, 2 * Math.PI)
  context.fill()
}

/** Attempts and checkpoints: small signs on the x axis. */
export function paintMarks(context, frame, marks, ink) {
  context.save()
  const y = frame.box.top + frame.box.height
  for (const mark of marks) {
    if (mark.x == null || mark.x < frame.x[0] || mark.x > frame.x[1]) continue
    const x = frame.px(mark.x), size = 4 * frame.ratio
    context.fillStyle = context.strokeStyle = ink.faint
    if (mark.kind === "attempt") {
      context.globalAlpha = 0.45
      context.lineWidth = frame.ratio
      context.setLineDash([2 * frame.ratio, 3 * frame.ratio])
      context.beginPath()
      context.moveTo(x, frame.box.top); context.lineTo(x, y)
      context.stroke()
      context.globalAlpha = 1
      triangle(context, x, y - size * 1.5, size * 1.5)
    } else {
      context.beginPath()
      context.moveTo(x, y - size); context.lineTo(x + size, y); context.lineTo(x, y + size); context.lineTo(x - size, y)
      context.fill()
    }
  }
  context.restore()
}

/** The vertical line of the hover, and a dot at each line's nearest point. */
export function paintHover(context, frame, lines, look, ink, x, place) {
  context.clearRect(0, 0, context.canvas.width, context.canvas.height)
  if (x == null || x < frame.x[0] || x > frame.x[1] || (look.is_log_x && x <= 0)) return
  context.lineWidth = frame.ratio
  context.strokeStyle = ink.faint
  context.globalAlpha = 0.5
  context.beginPath()
  const at = Math.round(frame.px(x)) + 0.5
  context.moveTo(at, frame.box.top); context.lineTo(at, frame.box.top + frame.box.height)
  context.stroke()
  context.globalAlpha = 1
  for (const line of lines) {
    const i = line.isHidden ? -1 : place(line)
    if (i < 0 || !isDrawable(line.points.x[i], line.points.y[i], look)) continue
    const cx = frame.px(line.points.x[i]), cy = frame.py(line.points.y[i])
    if (cx < frame.box.left - 1 || cx > frame.box.left + frame.box.width + 1) continue
    if (cy < frame.box.top || cy > frame.box.top + frame.box.height) continue
    context.fillStyle = ink.background
    disc(context, cx, cy, 4.5 * frame.ratio)
    context.fillStyle = colorOf(line, ink)
    disc(context, cx, cy, 3.2 * frame.ratio)
  }
}
