// The waiting runs, to be put in order by dragging or by keys. A move is one message; the server's order wins.

const NEAR = 4, EDGE = 28, SCROLL = 10, PAGE = 10 // CSS pixels to a drag, from the edge, at a time; places of a page key
const HELP = "Space takes hold of the run, arrows move it, Space puts it down, Escape puts it back. " +
  "Alt with an arrow moves it at once. Arrows alone go to another run."
const ICONS = {
  grip: "M6 3.5h.01 M10 3.5h.01 M6 8h.01 M10 8h.01 M6 12.5h.01 M10 12.5h.01",
  first: "M3 2.5h10 M8 14V5.5 M4.5 9 8 5.5 11.5 9",
  up: "M8 13V3.5 M4.5 7 8 3.5 11.5 7",
  down: "M8 3v9.5 M4.5 9 8 12.5 11.5 9",
}
const STEPS = {
  ArrowUp: (at) => at - 1, ArrowDown: (at) => at + 1, PageUp: (at) => at - PAGE, PageDown: (at) => at + PAGE,
  Home: () => 0, End: (at, most) => most,
}

/** Strings of people only ever become text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path")
  svg.setAttribute("viewBox", "0 0 16 16")
  svg.setAttribute("aria-hidden", "true")
  path.setAttribute("d", ICONS[name])
  svg.append(path)
  return svg
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

class Row {
  constructor(queue, id) {
    this.queue = queue
    this.id = id
    this.grip = element("button", { type: "button", class: "grip", "aria-describedby": "help", "aria-pressed": "false" }, icon("grip"))
    this.place = element("span", { class: "place" })
    this.name = element("span", { class: "name" })
    this.marks = element("span", { class: "marks" })
    this.waits = element("p", { class: "waits" })
    this.tools = ["first", "up", "down"].map((name) => element("button", { type: "button", class: "tool" }, icon(name)))
    this.hold = element("button", { type: "button", class: "hold" })
    const line = element("p", { class: "line" }, this.name, this.marks)
    this.node = element("li", { class: "row" }, this.grip, this.place, element("div", { class: "words" }, line, this.waits),
      element("span", { class: "tools" }, ...this.tools, this.hold))
    this.grip.onclick = (event) => event.detail === 0 && queue.toggle(this) // by Space, Enter, or a screen reader
    this.grip.onblur = () => queue.held === this && !queue.drag && queue.letGo("It was put back.")
    const [first, up, down] = this.tools
    first.onclick = () => queue.moveNow(this, 0)
    up.onclick = () => queue.moveNow(this, queue.at(this) - 1)
    down.onclick = () => queue.moveNow(this, queue.at(this) + 1)
    this.hold.onclick = () => queue.component.setTriggerValue("held", id)
  }

  tell(told) {
    this.told = told
    setText(this.name, told.name)
    setText(this.waits, told.waits)
    setText(this.hold, told.hold)
    this.hold.setAttribute("aria-label", `${told.hold}: ${told.name}`)
    const marks = told.priority ? [told.resources, `priority ${told.priority}`] : [told.resources]
    this.marks.replaceChildren(...marks.map((words) => element("span", { class: "mark" }, words)))
  }

  stand(place, of, isCurrent) {
    setText(this.place, `${place}.`)
    this.grip.setAttribute("aria-label", `Move ${this.told.name}, place ${place} of ${of}`)
    const words = ["to the head of the queue", "up", "down"]
    this.tools.forEach((tool, i) => {
      tool.setAttribute("aria-label", `Move ${this.told.name} ${words[i]}`)
      tool.title = `Move ${words[i]}`
      tool.disabled = i < 2 ? place === 1 : place === of
    })
    for (const button of [this.grip, ...this.tools, this.hold]) button.tabIndex = isCurrent ? 0 : -1
  }

  hasGrip(isHeld) {
    this.node.classList.toggle("is-held", isHeld)
    this.grip.setAttribute("aria-pressed", String(isHeld))
  }
}

class Queue {
  constructor(root) {
    this.rows = new Map()
    this.order = []
    this.outbox = []
    this.sent = this.held = this.drag = this.before = this.current = this.answered = null
    this.list = element("ol", { class: "rows", role: "list", "aria-label": "Waiting runs, in the order in which they start" })
    this.said = element("p", { class: "unseen", role: "status", "aria-live": "assertive" })
    root.append(element("p", { class: "unseen", id: "help" }, HELP), this.list, this.said)
    this.list.addEventListener("keydown", (event) => this.#key(event))
    this.list.addEventListener("focusin", (event) => this.#focused(event))
    this.list.addEventListener("pointerdown", (event) => this.#press(event))
    this.list.addEventListener("pointermove", (event) => this.#pull(event))
    this.list.addEventListener("pointerup", (event) => this.#release(event))
    this.list.addEventListener("pointercancel", () => this.drag && this.letGo("It was put back."))
  }

  /** What Python says now. While a move of ours is on its way or in hand, only another order counts. */
  update(component) {
    this.component = component
    const { rows, answered } = component.data, ids = rows.map((row) => row.id)
    const isAnswer = answered !== this.answered
    this.answered = answered
    if (this.sent && !isAnswer && !same(ids, this.order)) return
    const moved = this.sent
    this.sent = null
    if (this.outbox.length) return this.#send(...this.outbox.shift())
    if (this.held && same(ids, this.before)) return rows.forEach((row) => this.rows.get(row.id).tell(row))
    if (this.held) this.letGo("The queue changed meanwhile; nothing was moved.")
    const isOther = moved && !same(ids, this.order)
    this.#draw(rows)
    if (isOther && this.rows.has(moved)) this.say(`The queue is in another order: ${this.#where(this.rows.get(moved))}`)
  }

  at(row) { return this.order.indexOf(row.id) }

  say(words) { setText(this.said, this.said.textContent === words ? `${words}\u00a0` : words) }

  moveNow(row, to) {
    if (this.#shift(row, to)) this.#told(row)
  }

  toggle(row) {
    if (this.held === row) return this.#drop()
    if (this.held) this.letGo("")
    this.#take(row)
    this.say(`${row.told.name} is held at place ${this.at(row) + 1} of ${this.order.length}. Arrows move it, Space puts it down.`)
  }

  /** Back to where it was. */
  letGo(words) {
    const row = this.held
    this.held = this.drag = null
    row.hasGrip(false)
    this.#arrange(this.before, row)
    this.say(words)
  }

  #take(row) {
    this.held = row
    this.before = [...this.order]
    row.hasGrip(true)
  }

  #drop() {
    const row = this.held
    this.held = this.drag = null
    row.hasGrip(false)
    if (same(this.before, this.order)) this.say(`${row.told.name} stays at place ${this.at(row) + 1}.`)
    else this.#told(row)
  }

  #told(row) {
    this.say(this.#where(row))
    this.#send(row.id, this.at(row) + 1)
  }

  #where(row) { return `${row.told.name} is at place ${this.at(row) + 1} of ${this.order.length}.` }

  /** One message at a time: Streamlit would keep only the last of two. */
  #send(run, place) {
    if (this.sent) {
      this.outbox = [...this.outbox.filter(([other]) => other !== run), [run, place]]
      return
    }
    this.sent = run
    this.component.setTriggerValue("moved", { run, place })
  }

  #shift(row, to) {
    const from = this.at(row), place = Math.max(0, Math.min(this.order.length - 1, to))
    if (place === from) return false
    const order = this.order.filter((id) => id !== row.id)
    order.splice(place, 0, row.id)
    this.#arrange(order, row)
    row.node.scrollIntoView({ block: "nearest" })
    return true
  }

  /** Puts nodes in order around `still`, which is not taken out: it would lose the focus and the pointer. */
  #arrange(order, still) {
    this.order = order
    const nodes = order.map((id) => this.rows.get(id).node), middle = still ? order.indexOf(still.id) : -1
    const isRight = nodes.every((node, i) => this.list.children[i] === node)
    if (!isRight) nodes.forEach((node, i) => node !== still?.node && this.list.insertBefore(node, i < middle ? still.node : null))
    if (!order.includes(this.current)) this.current = order[0] ?? null
    const focused = this.list.getRootNode().activeElement
    order.forEach((id, i) => this.rows.get(id).stand(i + 1, order.length, id === this.current))
    if (focused?.disabled) still?.grip.focus()
  }

  #draw(rows) {
    const ids = new Set(rows.map((row) => row.id))
    const focused = this.list.getRootNode().activeElement
    for (const [id, row] of this.rows) {
      if (ids.has(id)) continue
      row.node.remove()
      this.rows.delete(id)
    }
    for (const told of rows) {
      if (!this.rows.has(told.id)) this.rows.set(told.id, new Row(this, told.id))
      this.rows.get(told.id).tell(told)
    }
    const still = [...this.rows.values()].find((row) => focused && row.node.contains(focused))
    this.#arrange(rows.map((row) => row.id), still)
  }

  #of(event) {
    const node = event.target.closest?.(".row")
    return [...this.rows.values()].find((row) => row.node === node)
  }

  #focused(event) {
    const row = this.#of(event)
    if (!row || row.id === this.current) return
    this.current = row.id
    this.#arrange(this.order, row)
  }

  #key(event) {
    const row = this.#of(event), step = STEPS[event.key]
    if (!row || event.ctrlKey || event.metaKey) return
    if (event.key === "Escape" && this.held) this.letGo(`${this.held.told.name} was put back.`)
    else if (!step || (!event.altKey && event.target !== row.grip)) return
    else if (event.altKey && !this.held) this.moveNow(row, step(this.at(row), this.order.length - 1))
    else if (this.held) this.#shift(row, step(this.at(row), this.order.length - 1)) && this.say(this.#where(row))
    else this.rows.get(this.order[clamp(step(this.at(row), this.order.length - 1), this.order.length)]).grip.focus()
    event.preventDefault()
    event.stopPropagation()
  }

  #press(event) {
    const row = this.#of(event), button = event.target.closest?.("button")
    if (!row || event.button || this.held || (button && button !== row.grip) || (event.pointerType === "touch" && !button)) return
    this.drag = { row, id: event.pointerId, from: event.clientY, isMoving: false }
  }

  #pull(event) {
    const { drag } = this
    if (!drag || drag.id !== event.pointerId) return
    if (!drag.isMoving) {
      if (Math.abs(event.clientY - drag.from) < NEAR) return
      drag.isMoving = true
      drag.row.node.setPointerCapture(event.pointerId)
      this.#take(drag.row)
    }
    event.preventDefault()
    const box = this.list.getBoundingClientRect()
    if (event.clientY < box.top + EDGE) this.list.scrollTop -= SCROLL
    if (event.clientY > box.bottom - EDGE) this.list.scrollTop += SCROLL
    const to = this.order.findIndex((id) => event.clientY < middle(this.rows.get(id).node, drag.row.node))
    const last = to === -1 ? this.order.length - 1 : to
    const before = this.at(drag.row)
    if (last !== before) this.#shift(drag.row, last > before && to !== -1 ? last - 1 : last)
  }

  #release(event) {
    const { drag } = this
    if (!drag || drag.id !== event.pointerId) return
    this.drag = null
    if (drag.isMoving && this.held) this.#drop()
  }
}

const clamp = (at, length) => Math.max(0, Math.min(length - 1, at))

const same = (one, other) => one.length === other.length && one.every((id, i) => id === other[i])

/** Where a pointer has to be above to take the place of a row: its middle; its end for the dragged one itself. */
function middle(node, dragged) {
  const box = node.getBoundingClientRect()
  return node === dragged ? box.bottom : box.top + box.height / 2
}

const queues = new WeakMap()

/** @param {{data: {rows: Object[], answered: number}, parentElement: ShadowRoot, setTriggerValue: Function}} component */
export default function (component) {
  const { parentElement } = component
  if (!queues.has(parentElement)) {
    const root = element("div", { class: "queue" })
    parentElement.append(root)
    queues.set(parentElement, new Queue(root))
  }
  queues.get(parentElement).update(component)
}
