// The table below a chart: each line with its value under the hover, or its newest.

import { element, setText } from "./dom.js"
import * as numbers from "./numbers.js"
import { colorOf, dashOf } from "./palette.js"

const AXIS_WORDS = { step: "step", relative: "time", wall: "time", tokens: "tokens", epoch: "epoch" }

export class Legend {
  /**
   * @param {Object} chart The chart that it belongs to: `lines`, `definition`, `board`.
   */
  constructor(chart) {
    this.chart = chart
    this.place = element("span", { class: "place" }, endText(null))
    this.original = element("th", { scope: "col" }, "original")
    this.difference = element("th", { scope: "col", title: "Difference to the first line" }, "Δ first")
    this.at = element("th", { scope: "col" })
    const head = element("tr", {}, element("th", { scope: "col" }, this.place), element("th", { scope: "col" }, "value"), this.original, this.difference, this.at)
    this.body = element("tbody")
    this.table = element("table", {}, element("thead", {}, head), this.body)
    this.node = element("div", { class: "legend" }, this.table)
    this.rows = []
  }

  /** New rows, after the lines of the chart changed. */
  build() {
    this.rows = this.chart.lines.map((line) => this.#row(line))
    this.body.replaceChildren(...this.rows.map((row) => row.node))
    this.dress()
  }

  #row(line) {
    const swatch = document.createElementNS("http://www.w3.org/2000/svg", "svg")
    swatch.setAttribute("class", "swatch")
    swatch.setAttribute("viewBox", "0 0 22 8")
    swatch.setAttribute("aria-hidden", "true")
    const stroke = document.createElementNS("http://www.w3.org/2000/svg", "line")
    for (const [name, at] of Object.entries({ x1: 0, x2: 22, y1: 4, y2: 4, "stroke-width": 2.4 })) stroke.setAttribute(name, String(at))
    swatch.append(stroke)
    const name = element("span", { class: "name" }, line.label)
    const button = element("button", { type: "button", class: "line", "aria-pressed": "true", title: `${line.label}: click hides or shows it` }, swatch, name)
    button.onclick = () => this.#toggle(line)
    const cells = { value: element("td"), original: element("td"), difference: element("td"), at: element("td", { class: "at" }) }
    const node = element("tr", {}, element("th", { scope: "row" }, button), ...Object.values(cells))
    node.onmouseenter = () => this.chart.focusLine(line)
    node.onmouseleave = () => this.chart.focusLine(null)
    return { line, node, button, stroke, name, ...cells }
  }

  #toggle(line) {
    line.isHidden = !line.isHidden
    this.dress()
    this.chart.draw()
  }

  /** Colours and which columns there are. */
  dress() {
    const { ink, look } = this.chart.board
    for (const { line, button, stroke, node } of this.rows) {
      stroke.setAttribute("stroke", colorOf(line, ink))
      stroke.setAttribute("stroke-dasharray", dashOf(line, ink).join(" "))
      button.setAttribute("aria-pressed", String(!line.isHidden))
      node.classList.toggle("hidden", line.isHidden)
    }
    const hasDifference = this.rows.length > 1, hasOriginal = look.smoothing > 0
    this.table.classList.toggle("no-original", !hasOriginal)
    this.table.classList.toggle("no-difference", !hasDifference)
    setText(this.at, AXIS_WORDS[look.x])
  }

  /**
   * Values at a place, or the newest.
   * @param {number | null} x
   * @param {(line: Object) => number} indexOf Which point of a line is shown, -1 for none.
   */
  show(x, indexOf, nearestLine) {
    const { look } = this.chart.board
    const { unit } = this.chart.definition
    setText(this.place, x == null ? endText(this.chart.board.window) : placeText(x, look.x))
    const first = this.rows.find((row) => !row.line.isHidden && indexOf(row.line) >= 0)
    const base = first ? first.line.points.y[indexOf(first.line)] : NaN
    for (const row of this.rows) {
      const { points } = row.line
      const i = indexOf(row.line)
      setText(row.value, i < 0 ? "–" : told(points.y[i], unit))
      setText(row.original, i < 0 || !points.raw ? "" : told(points.raw[i], unit))
      setText(row.difference, i < 0 || row === first ? "" : numbers.difference(points.y[i] - base, unit))
      setText(row.at, i < 0 ? "" : numbers.place(points.x[i], look.x))
      const runs = i >= 0 && points.counts ? ` n=${points.counts[i]}` : ""
      setText(row.name, row.line.label + runs)
      row.node.classList.toggle("near", row.line === nearestLine)
      row.node.title = `${numbers.count(points.x.length)} of ${numbers.count(row.line.total)} points drawn`
    }
  }
}

/** A value without the unit, which stands beside the title; bytes come in units of their own. */
const told = (number, unit) => (unit === "bytes" ? numbers.withUnit(number, unit) : numbers.value(number))

/** What the last point that is there is called. */
export const endText = (window) => (window ? "right end" : "newest")

export const placeText = (x, axis) =>
  axis === "relative" || axis === "wall" ? numbers.place(x, axis) : `${AXIS_WORDS[axis]} ${numbers.place(x, axis)}`
