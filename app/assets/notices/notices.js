// Desktop notifications while nobody looks at the page: shown by the browser on this machine, nothing is sent.

const WORDS = {
  denied: "This browser refuses desktop notifications. Its settings for this page can allow them.",
  missing: "This browser shows desktop notifications only to pages of localhost or https.",
}
const seen = new Set()

const permission = () => globalThis.Notification?.permission ?? "missing"

/** What was told before the page had the right to show it is not shown later. */
function show({ id, text }) {
  if (seen.has(id)) return
  seen.add(id)
  if (!document.hidden || permission() !== "granted") return
  const notice = new Notification("PEFT Studio", { body: text, tag: `peft-studio-${id}` }) // one for all tabs
  notice.onclick = () => globalThis.focus()
}

function draw(parent) {
  const button = parent.querySelector("button")
  const note = parent.querySelector("p")
  button.hidden = permission() !== "default"
  button.onclick = async () => {
    await Notification.requestPermission()
    draw(parent)
  }
  note.textContent = WORDS[permission()] ?? ""
  note.hidden = !note.textContent
}

/** @param {{data: {told: {id: string, text: string}[]}, parentElement: ShadowRoot}} component */
export default function ({ data, parentElement }) {
  draw(parentElement)
  for (const one of data.told) show(one)
}
