// The board: charts in a grid under one hover and one zoom. Streamlit calls the default export of this file.

import { Chart } from "./chart.js"
import { element, setText } from "./dom.js"
import { Feed } from "./feed.js"
import { inks } from "./palette.js"

const LEAST_WIDTH = 400, MOST_COLUMNS = 3, GAP = 16 // CSS pixels
const AHEAD = "300px 0px" // charts this near to the screen are drawn, too
const SETTLE = 60 // milliseconds
const AWAY = "The server does not answer; the curves stand still until it does."
const REFUSED = "The server refused to send these curves. Reload the page; with very many curves, show fewer."

class Board {
  constructor(root, component) {
    this.component = component
    this.charts = new Map()
    this.look = null
    this.window = null
    this.hoverX = null
    this.hoverChart = null
    this.root = root
    this.status = element("p", { class: "status", role: "status", "aria-live": "polite" })
    this.groups = element("div", { class: "groups" })
    root.replaceChildren(this.groups, this.status)
    this.feed = new Feed({
      onParts: (parts) => this.#took(parts),
      onNotes: (notes) => this.#noted(notes),
      onState: (isOpen, isRefused) => this.say(isOpen ? "" : isRefused ? REFUSED : AWAY),
    })
    this.seen = new IntersectionObserver((entries) => this.#scrolled(entries), { rootMargin: AHEAD })
    this.sized = new ResizeObserver(() => this.resized())
    this.sized.observe(root)
    this.onVisibility = () => this.#showView()
    document.addEventListener("visibilitychange", this.onVisibility)
    root.addEventListener("transitionend", (event) => event.target === root && this.update(this.component))
  }

  /** What Python says now: nothing is lost of what the person did here. */
  update(component) {
    this.component = component
    const text = JSON.stringify([component.data, inks(this.root, component.data.palette)])
    if (text === this.text) return
    this.text = text
    const { charts, look: told, can_pin: canPin } = component.data
    const look = { ...told, is_log_x: told.is_log_x && told.x !== "wall" } // dates have no logarithm
    this.canPin = Boolean(canPin)
    const before = this.look
    this.look = look
    this.#adoptWindow(before, look)
    const ink = inks(this.root, component.data.palette), isOtherInk = JSON.stringify(ink) !== JSON.stringify(this.ink)
    this.ink = ink
    this.root.classList.toggle("dark", ink.isDark)
    this.#arrange(charts)
    const isOtherStyle = isOtherInk || before === null || AXES.some((name) => before[name] !== look[name])
    for (const chart of this.charts.values()) {
      if (before && before.x !== look.x) chart.forget()
      if (isOtherStyle) chart.restyle()
      else chart.legend.dress()
    }
    this.#ask(charts, look)
    this.drawAll()
  }

  /** A zoom that comes from Python counts when it changed there. */
  #adoptWindow(before, look) {
    if (before && before.x !== look.x) this.window = null
    if (!before || JSON.stringify(before.window) !== JSON.stringify(look.window)) this.window = look.window
  }

  #arrange(charts) {
    const ids = new Set(charts.map((chart) => chart.id))
    for (const [id, chart] of this.charts) if (!ids.has(id)) this.#drop(id, chart)
    const groups = new Map()
    charts.forEach((definition, place) => {
      let chart = this.charts.get(definition.id)
      if (chart) chart.define(definition)
      else this.charts.set(definition.id, (chart = this.#add(definition)))
      chart.place = place
      const group = groups.get(definition.group) ?? groups.set(definition.group, []).get(definition.group)
      group.push(chart.node)
    })
    this.places = charts.map((definition) => this.charts.get(definition.id))
    this.#stand(groups)
    this.resized()
  }

  /** Put the charts under their headings, moving no node that already stands right: that would lose its focus. */
  #stand(groups) {
    const known = new Map([...this.groups.children].map((section) => [section.dataset.group, section]))
    const wanted = [...groups].map(([name, nodes]) => {
      const section = known.get(name) ?? makeSection(name)
      const grid = section.querySelector(".grid")
      grid.style.setProperty("--wanted", String(nodes.length))
      replaceInOrder(grid, nodes)
      return section
    })
    replaceInOrder(this.groups, wanted)
  }

  #add(definition) {
    const chart = new Chart(this, definition)
    this.seen.observe(chart.node)
    return chart
  }

  #drop(id, chart) {
    this.seen.unobserve(chart.node)
    chart.destroy()
    this.charts.delete(id)
  }

  #ask(charts, look) {
    const asked = {
      charts: charts.map(({ id, lines, marks }) => ({
        id,
        lines: lines.map(({ sources, tag, minus }) => ({ sources, tag, minus })),
        marks: marks.map(({ source, step }) => ({ source, step })),
      })),
      look: { smoothing: look.smoothing, x: look.x, is_log_x: look.is_log_x, shows_ghosts: look.shows_ghosts, spread: look.spread },
    }
    const text = JSON.stringify(asked)
    if (text === this.asked) return
    this.asked = text
    this.feed.showBoard(asked)
    this.#showView()
  }

  #showView() {
    clearTimeout(this.settling)
    this.settling = setTimeout(() => {
      const widths = [...this.charts.values()].filter((chart) => chart.isVisible).map((chart) => chart.area.clientWidth)
      const view = {
        visible: document.hidden ? [] : [...this.charts.values()].filter((chart) => chart.isVisible).map((chart) => chart.definition.id),
        pixels: Math.max(100, Math.ceil(Math.max(0, ...widths) / 50) * 50) * Math.min(2, Math.ceil(devicePixelRatio || 1)),
        window: this.window,
      }
      const text = JSON.stringify(view)
      if (text === this.viewText) return
      const before = this.viewText ? JSON.parse(this.viewText) : null
      this.viewText = text
      const startsAgain = !before || before.pixels !== view.pixels || JSON.stringify(before.window) !== JSON.stringify(view.window)
      this.feed.showView(view, startsAgain)
    }, SETTLE)
  }

  #took(parts) {
    const changed = new Set()
    for (const part of parts) {
      const chart = this.places[part.chart]
      if (!chart) continue
      chart.take(part)
      changed.add(chart)
    }
    this.#schedule(changed)
  }

  #noted(notes) {
    const chart = this.places[notes.chart]
    if (!chart) return
    chart.takeNotes(notes)
    this.#schedule([chart])
  }

  #schedule(charts) {
    this.waiting ??= new Set()
    for (const chart of charts) this.waiting.add(chart)
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null
      const waiting = this.waiting
      this.waiting = new Set()
      for (const chart of waiting) chart.draw()
    })
  }

  #scrolled(entries) {
    const byNode = new Map([...this.charts.values()].map((chart) => [chart.node, chart]))
    const shown = []
    for (const entry of entries) {
      const chart = byNode.get(entry.target)
      if (!chart) continue
      chart.isVisible = entry.isIntersecting
      if (entry.isIntersecting) shown.push(chart)
    }
    this.#schedule(shown)
    this.#showView()
  }

  drawAll() { this.#schedule(this.charts.values()) }

  resized() {
    const width = this.root.clientWidth
    const columns = Math.max(1, Math.min(MOST_COLUMNS, Math.floor((width + GAP) / (LEAST_WIDTH + GAP))))
    this.root.style.setProperty("--columns", String(columns))
    this.drawAll()
    this.#showView()
  }

  /** @param {[number, number] | null} window */
  zoomTo(window) {
    if (window && !(window[1] > window[0])) return
    this.window = window
    this.drawAll()
    this.#showView()
  }

  /** @param {number | null} x @param {Chart | null} chart Where the mouse or the keyboard is. */
  hover(x, chart) {
    if (x === this.hoverX && chart === this.hoverChart && chart === null) return
    this.hoverX = x
    this.hoverChart = chart
    this.hovering ??= requestAnimationFrame(() => {
      this.hovering = null
      for (const found of this.charts.values()) if (found.isVisible) found.showHover()
    })
  }

  pin(id) { this.component.setTriggerValue("pinned", id) }

  say(text) { setText(this.status, text) }

  destroy() {
    this.feed.close()
    this.seen.disconnect()
    this.sized.disconnect()
    clearTimeout(this.settling)
    document.removeEventListener("visibilitychange", this.onVisibility)
    for (const chart of this.charts.values()) chart.destroy()
  }
}

/** What of a look the axes of a plot are made of. */
const AXES = ["x", "is_log_x", "is_log_y"]

function makeSection(name) {
  const grid = element("div", { class: "grid" })
  if (!name) return Object.assign(element("section", { "data-group": name }, grid))
  const button = element("button", { type: "button", class: "heading", "aria-expanded": "true" }, name)
  button.onclick = () => {
    grid.hidden = !grid.hidden
    button.setAttribute("aria-expanded", String(!grid.hidden))
  }
  return element("section", { "data-group": name, "aria-label": name }, element("h2", {}, button), grid)
}

function replaceInOrder(parent, nodes) {
  const wanted = new Set(nodes)
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove()
  nodes.forEach((node, i) => { if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null) })
}

/** Boards by the element that Streamlit gives each of them. */
const boards = new WeakMap()

/** @param {{data: Object, parentElement: ShadowRoot, setTriggerValue: Function}} component */
export default function draw(component) {
  const { parentElement } = component
  let board = boards.get(parentElement)
  if (!board) {
    const root = element("div", { class: "board" })
    for (const name of ["uPlot.css", "board.css"]) {
      parentElement.append(element("link", { rel: "stylesheet", href: new URL(name, import.meta.url).href }))
    }
    parentElement.append(root)
    board = new Board(root, component)
    boards.set(parentElement, board)
  }
  board.update(component)
  return () => {
    boards.delete(parentElement)
    board.destroy()
  }
}
