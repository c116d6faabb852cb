// Tokens as training sees them. Runs of equal state are one group with words for those who do not see colours.

const NAMES = { trained: "trained on", masked: "context", truncated: "cut off", padding: "padding" }

function element(name, className, text) {
  const made = document.createElement(name)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

/** What is seen of a token: white space that would vanish has a sign, a line end also breaks the line. */
function shown(text) {
  return text === "" ? "∅" : text.replaceAll(" ", "·").replaceAll("\t", "⇥").replaceAll("\r", "␍").replaceAll("\n", "⏎")
}

function token(one, place, withIds) {
  const [id, text, , isSpecial] = one
  const made = element("span", isSpecial ? "token special" : "token", shown(text))
  made.title = `position ${place + 1}, id ${id}${isSpecial ? ", special" : ""}`
  if (withIds) made.append(element("span", "id", String(id)))
  return made
}

/** [state, first place, tokens] for each stretch of one state. */
function runs(tokens) {
  const made = []
  tokens.forEach((one, place) => {
    const last = made.at(-1)
    if (last && last[0] === one[2]) last[2].push(one)
    else made.push([one[2], place, [one]])
  })
  return made
}

function group([state, first, tokens], withIds) {
  const made = element("span", `run ${state}`)
  made.append(element("span", "unseen", `[${NAMES[state]}: `))
  if (state === "padding") made.append(element("span", "token", `padding × ${tokens.length}`))
  else {
    tokens.forEach((one, index) => {
      made.append(token(one, first + index, withIds))
      if (one[1].includes("\n")) made.append(element("br"))
    })
  }
  made.append(element("span", "unseen", "] "))
  return made
}

export default function (component) {
  const { data, parentElement } = component
  const text = JSON.stringify(data)
  let root = parentElement.querySelector(".tokens")
  if (!root) {
    root = element("div", "tokens")
    parentElement.append(root)
  }
  if (root.dataset.told === String(text.length) && root.told === text) return
  root.told = text
  root.dataset.told = String(text.length)
  const legend = element("ul", "legend")
  for (const [state, words] of data.legend) {
    const line = element("li")
    line.append(element("span", `run ${state}`, state === "special" ? "" : "abc"), element("span", "words", words))
    if (state === "special") line.firstChild.append(element("span", "token special", "abc"))
    legend.append(line)
  }
  const rows = data.rows.map((row) => {
    const section = element("section", "row")
    section.setAttribute("aria-label", row.title)
    const flow = element("p", data.with_ids ? "flow with-ids" : "flow")
    flow.append(...runs(row.tokens).map((one) => group(one, data.with_ids)))
    section.append(element("h4", "", row.title), flow)
    return section
  })
  root.replaceChildren(legend, ...rows)
}
