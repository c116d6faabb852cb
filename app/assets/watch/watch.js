// Has the part of the page around it drawn anew when the server says that what it shows has changed.

const FIRST_WAIT = 500, LONGEST_WAIT = 8000, PATIENCE = 10000 // milliseconds
const WILL_NOT_HELP = new Set([1007, 1008, 1009]) // closed because of what was asked

class Watch {
  constructor() {
    this.wait = FIRST_WAIT
    this.socket = null
    this.isClosed = false
  }

  /** Python draws with a mark of what it saw; another mark is another question. */
  update(component) {
    this.component = component
    const text = JSON.stringify(component.data)
    if (text === this.text) return
    this.text = text
    this.#ask()
  }

  close() {
    this.isClosed = true
    clearTimeout(this.timer)
    this.socket?.close()
  }

  #ask() {
    clearTimeout(this.timer)
    if (this.isClosed) return
    if (!this.socket) this.#open()
    else if (this.socket.readyState === WebSocket.OPEN) this.socket.send(this.text)
  }

  #open() {
    const address = new URL("/studio/watch", document.baseURI)
    address.protocol = address.protocol.replace("http", "ws")
    const socket = (this.socket = new WebSocket(address))
    socket.onopen = () => this.#ask()
    socket.onmessage = () => {
      this.wait = FIRST_WAIT
      this.component.setTriggerValue("changed", true)
      this.timer = setTimeout(() => this.#ask(), PATIENCE) // nothing was drawn anew: it is asked once more
    }
    socket.onclose = (event) => {
      this.socket = null
      if (this.isClosed || WILL_NOT_HELP.has(event.code)) return
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.#ask(), this.wait)
      this.wait = Math.min(LONGEST_WAIT, this.wait * 1.7)
    }
  }
}

const watches = new WeakMap()

/** @param {{data: {kind: string, of: string[], mark: string}, parentElement: ShadowRoot, setTriggerValue: Function}} component */
export default function (component) {
  const { parentElement } = component
  if (!watches.has(parentElement)) watches.set(parentElement, new Watch())
  watches.get(parentElement).update(component)
  return () => {
    watches.get(parentElement)?.close()
    watches.delete(parentElement)
  }
}
