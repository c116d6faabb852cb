// One chart: its lines, its plot, its table, and what a person does with it.

import { element, iconButton, setText } from "./dom.js"
import { keyboard } from "./keyboard.js"
import { Legend, endText, placeText } from "./legend.js"
import * as numbers from "./numbers.js"
import { frameOf, paint, paintHover, paintMarks } from "./paint.js"
import { makePlot } from "./plot.js"
import { NOTHING, joined, nearest } from "./points.js"
import { xRange, yRange } from "./ranges.js"
import { copyLink, savePicture } from "./share.js"
import { stacked } from "./stack.js"

const HEIGHT = 220, WIDE_HEIGHT = 460 // CSS pixels
const MARK_REACH = 7

export class Chart {
  constructor(board, definition) {
    this.board = board
    this.plot = null
    this.xRange = [0, 1]
    this.yRange = [0, 1]
    this.isVisible = false
    this.isWide = false
    this.focused = null
    this.whole = null // the x range without zoom
    this.lines = []
    this.drawn = [] // the same, raised where they are stacked
    this.marks = []
    this.problems = []
    this.#build()
    this.define(definition)
  }

  #build() {
    this.title = element("h3")
    this.unit = element("span", { class: "unit" })
    this.pin = iconButton("pin", "Pin to the top", () => this.board.pin(this.definition.id))
    this.grow = iconButton("grow", "Full size", () => this.toggleWide())
    const save = iconButton("save", "Save as PNG", () => savePicture(this))
    const link = iconButton("link", "Copy a link to this zoom", () => copyLink(this.board, link))
    this.reset = iconButton("reset", "Show everything (double click)", () => this.board.zoomTo(null))
    const tools = element("div", { class: "tools" }, this.reset, this.pin, this.grow, save, link)
    this.host = element("div", { class: "host" })
    this.overlay = element("canvas", { class: "overlay", "aria-hidden": "true" })
    this.empty = element("p", { class: "empty" }, "Nothing written yet")
    this.markLabel = element("span", { class: "mark-label", hidden: true })
    this.area = element("div", { class: "plot", tabindex: "0", role: "slider", "aria-orientation": "horizontal", "aria-valuenow": "0" }, this.host, this.overlay, this.empty, this.markLabel)
    this.legend = new Legend(this)
    this.note = element("p", { class: "note" })
    this.node = element("article", { class: "chart" }, element("header", {}, this.title, this.unit, tools), this.area, this.legend.node, this.note)
    this.area.onmousemove = (event) => this.#hovered(event)
    this.area.onmouseleave = () => this.board.hover(null, null)
    this.area.ondblclick = () => this.board.zoomTo(null)
    this.area.onkeydown = (event) => keyboard(this, event)
    this.area.onblur = () => this.board.hover(null, null)
  }

  /** What is drawn; points stay where the lines are the same. */
  define(definition) {
    const text = JSON.stringify([definition, this.board.canPin])
    if (text === this.text) return
    this.text = text
    const before = new Map(this.lines.map((line) => [keyOf(line), line]))
    this.definition = definition
    this.node.dataset.chart = definition.id
    this.lines = definition.lines.map((line) => {
      const known = before.get(keyOf(line))
      return Object.assign({ points: NOTHING, ghosts: [], total: 0, isHidden: false }, known, line)
    })
    this.marks = definition.marks.map((mark, i) => ({ ...mark, x: this.marks[i]?.x ?? null }))
    setText(this.title, definition.title)
    this.title.title = definition.title
    setText(this.unit, definition.unit)
    this.pin.hidden = !this.board.canPin
    this.pin.setAttribute("aria-pressed", String(definition.is_pinned))
    this.pin.title = definition.is_pinned ? "Unpin" : "Pin to the top"
    this.area.setAttribute("aria-label", `${definition.title}, chart; arrows move the cursor, plus and minus zoom, 0 shows everything`)
    this.legend.build()
  }

  /** News of a line. */
  take(part) {
    const line = this.lines[part.line]
    if (!line) return
    line.points = joined(line.points, part.replacesFrom, part.points)
    if (Number.isNaN(part.replacesFrom)) line.ghosts = part.ghosts
    line.total = part.total
  }

  takeNotes({ marks, problems }) {
    this.marks.forEach((mark, i) => { mark.x = marks[i] ?? null })
    this.problems = problems
  }

  /** Points of another x axis are of no use. */
  forget() {
    for (const line of this.lines) Object.assign(line, { points: NOTHING, ghosts: [], total: 0 })
  }

  /** The plot is made again: other axes or other colours. */
  restyle() {
    this.plot?.destroy()
    this.plot = null
    this.legend.dress()
  }

  /** The look of the board; parts of a whole have no logarithm that adds up. */
  get look() {
    const { look } = this.board
    return this.definition.is_stacked && look.is_log_y ? { ...look, is_log_y: false } : look
  }

  emptyData() { return [[...this.xRange], [null, null]] }

  draw() {
    const width = this.area.clientWidth
    if (!this.isVisible || width < 40) return
    const { look, window } = this.board
    this.drawn = this.definition.is_stacked ? stacked(this.lines) : this.lines
    const shown = this.drawn.filter((line) => !line.isHidden)
    const all = xRange(shown, look.is_log_x)
    this.empty.hidden = all !== null
    if (!window) this.whole = all
    this.xRange = window ?? all ?? [look.is_log_x ? 1 : 0, 10]
    if (look.is_log_x && this.xRange[0] <= 0) this.xRange = [all?.[0] ?? 1, Math.max(this.xRange[1], (all?.[0] ?? 1) * 2)]
    const { range, numHidden, numClipped } = yRange(shown, this.xRange, this.look)
    this.yRange = range
    this.reset.disabled = window == null
    const size = { width, height: this.isWide ? WIDE_HEIGHT : HEIGHT }
    if (!this.plot) this.plot = makePlot(this, this.host, size)
    else if (this.plot.width !== size.width || this.plot.height !== size.height) this.plot.setSize(size)
    this.plot.setData(this.emptyData())
    this.#tell(numHidden, numClipped)
  }

  /** Called by the plot when its axes are drawn. */
  paint(plot) {
    const { look } = this, { ink } = this.board
    this.frame = frameOf(plot)
    const focused = this.drawn[this.lines.indexOf(this.focused)] ?? null
    paint(plot.ctx, this.frame, this.drawn, look, ink, focused)
    paintMarks(plot.ctx, this.frame, this.marks, ink)
    const { canvas } = plot.ctx
    if (this.overlay.width !== canvas.width || this.overlay.height !== canvas.height) {
      this.overlay.width = canvas.width
      this.overlay.height = canvas.height
    }
    if (this.board.hoverChart === this && this.mouse) this.board.hover(this.#underMouse(), this)
    this.showHover()
  }

  /** Where on the axis the mouse is; it may rest while the axis changes. */
  #underMouse() {
    return this.plot.posToVal(this.mouse[0] - this.plot.over.offsetLeft, "x")
  }

  focusLine(line) {
    this.focused = line
    if (this.plot) this.plot.redraw(false)
  }

  #hovered(event) {
    if (!this.plot || !this.frame) return
    const box = this.plot.over.getBoundingClientRect()
    const left = event.clientX - box.left, top = event.clientY - box.top
    if (left < 0 || left > box.width || top < 0 || top > box.height + 8) return this.board.hover(null, null)
    this.mouse = [left + this.plot.over.offsetLeft, top + this.plot.over.offsetTop]
    this.board.hover(this.#underMouse(), this)
  }

  /** The hover of the board, in this chart. */
  showHover() {
    if (!this.frame) return
    const { hoverX: x, hoverChart, ink } = this.board, { look } = this
    const indexOf = (line) => (x == null ? line.points.x.length - 1 : nearest(line.points.x, x))
    paintHover(this.overlay.getContext("2d"), this.frame, this.drawn, look, ink, x, indexOf)
    this.legend.show(x, indexOf, hoverChart === this ? this.#nearestLine(indexOf) : null)
    this.#showMark(x)
    this.#speak(x, indexOf)
  }

  #nearestLine(indexOf) {
    let best = null, least = Infinity
    this.drawn.forEach((line, place) => {
      const i = line.isHidden || !this.mouse ? -1 : indexOf(line)
      const distance = i < 0 ? NaN : Math.abs(this.frame.py(line.points.y[i]) / this.frame.ratio - this.mouse[1])
      if (distance < least) { least = distance; best = this.lines[place] }
    })
    return best
  }

  #showMark(x) {
    const at = x == null ? NaN : this.frame.px(x)
    const near = this.marks.filter((mark) => mark.x != null && Math.abs(this.frame.px(mark.x) - at) <= MARK_REACH * this.frame.ratio)
    this.markLabel.hidden = near.length === 0
    if (!near.length) return
    setText(this.markLabel, near.slice(0, 3).map((mark) => mark.label).join(" · ") + (near.length > 3 ? " …" : ""))
    const left = this.frame.px(near[0].x) / this.frame.ratio
    this.markLabel.style.left = `${Math.min(left, this.area.clientWidth - 12)}px`
    this.markLabel.classList.toggle("to-left", left > this.area.clientWidth / 2)
  }

  #speak(x, indexOf) {
    const { unit } = this.definition
    const told = this.lines.filter((line) => !line.isHidden && indexOf(line) >= 0).slice(0, 12)
      .map((line) => `${line.label} ${numbers.withUnit(line.points.y[indexOf(line)], unit)}`)
    const where = x == null ? endText(this.board.window) : placeText(x, this.board.look.x)
    this.area.setAttribute("aria-valuemin", String(this.xRange[0]))
    this.area.setAttribute("aria-valuemax", String(this.xRange[1]))
    this.area.setAttribute("aria-valuenow", String(x ?? this.xRange[1]))
    this.area.setAttribute("aria-valuetext", told.length ? `${where}: ${told.join("; ")}` : "nothing written yet")
  }

  #tell(numHidden, numClipped) {
    const drawn = this.lines.reduce((sum, line) => sum + line.points.x.length, 0)
    const total = this.lines.reduce((sum, line) => sum + line.total, 0)
    const notes = [...this.problems]
    if (drawn < total) notes.push(`${numbers.count(drawn)} of ${numbers.count(total)} points drawn, spikes kept`)
    if (numHidden) notes.push(`${numbers.counted(numHidden, "value")} of zero or below ${numHidden === 1 ? "is" : "are"} not on the logarithmic axis`)
    if (numClipped) notes.push(`${numbers.counted(numClipped, "outlier")} outside the scale`)
    setText(this.note, notes.join(" · "))
  }

  toggleWide() {
    this.isWide = !this.isWide
    this.node.classList.toggle("wide", this.isWide)
    this.grow.setAttribute("aria-pressed", String(this.isWide))
    this.board.resized()
  }

  destroy() {
    this.plot?.destroy()
    this.node.remove()
  }
}

const keyOf = (line) => JSON.stringify([line.sources, line.tag, line.minus])
