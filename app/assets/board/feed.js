// The socket to the curve feed: asks, hears, and comes back after the server was away.

import { decode } from "./wire.js"

const FIRST_WAIT = 300, LONGEST_WAIT = 8000 // milliseconds
const WILL_NOT_HELP = new Set([1003, 1007, 1008, 1009]) // closed because of what was asked

export class Feed {
  /** @param {{onParts: Function, onNotes: Function, onState: Function}} listener */
  constructor(listener) {
    this.listener = listener
    this.question = 0
    this.board = null
    this.view = null
    this.wait = FIRST_WAIT
    this.socket = null
    this.isClosed = false
    this.timer = 0
    this.numBytes = 0
  }

  /** Ask for another board; answers to older questions are ignored from now on. */
  showBoard(board) {
    this.board = board
    this.#ask("board")
  }

  /** Tell what is on the screen. `startsAgain`: everything is sent in full. */
  showView(view, startsAgain) {
    this.view = view
    this.#ask("view", startsAgain)
  }

  close() {
    this.isClosed = true
    clearTimeout(this.timer)
    this.socket?.close()
  }

  #ask(kind, startsAgain = true) {
    if (startsAgain) this.question++
    if (this.isClosed || !this.board || !this.view) return
    if (!this.socket) return this.#open()
    if (this.socket.readyState !== WebSocket.OPEN) return
    this.#send(kind)
  }

  #send(kind) {
    const what = kind === "board" ? this.board : this.view
    this.socket.send(JSON.stringify({ kind, question: this.question, ...what }))
  }

  #open() {
    clearTimeout(this.timer)
    if (this.socket || this.isClosed) return
    const address = new URL("/studio/curves", document.baseURI)
    address.protocol = address.protocol.replace("http", "ws")
    const socket = (this.socket = new WebSocket(address))
    socket.binaryType = "arraybuffer"
    socket.onopen = () => {
      this.question++
      this.#send("board")
      this.#send("view")
      this.listener.onState(true)
    }
    socket.onmessage = (event) => this.#hear(event.data)
    socket.onclose = (event) => this.#lost(event.code)
  }

  #hear(data) {
    this.wait = FIRST_WAIT // not on opening: a server that fails at each question is asked less and less often
    if (typeof data === "string") {
      const notes = JSON.parse(data)
      if (notes.question === this.question) this.listener.onNotes(notes)
      return
    }
    let answer
    try {
      answer = decode(data)
    } catch (error) {
      console.error(error)
      this.listener.onState(false, true)
      return this.close()
    }
    if (answer.question === this.question) this.listener.onParts(answer.parts)
  }

  #lost(code) {
    this.socket = null
    if (this.isClosed) return
    const isRefused = WILL_NOT_HELP.has(code)
    this.listener.onState(false, isRefused)
    if (isRefused) return
    this.timer = setTimeout(() => this.#open(), this.wait)
    this.wait = Math.min(LONGEST_WAIT, this.wait * 1.7)
  }
}
