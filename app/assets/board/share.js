// Taking a chart along: a picture, or a link that opens the same zoom.

import { colorOf, dashOf } from "./palette.js"

const LEGEND_ROW = 20, TITLE = 34, MARGIN = 12 // CSS pixels

/** A PNG with title, plot and legend, as large as on the screen. */
export function savePicture(chart) {
  if (!chart.plot) return
  const { ink } = chart.board
  const source = chart.plot.ctx.canvas, ratio = devicePixelRatio || 1
  const shown = chart.lines.filter((line) => !line.isHidden)
  const picture = document.createElement("canvas")
  picture.width = source.width + 2 * MARGIN * ratio
  picture.height = source.height + (TITLE + LEGEND_ROW * shown.length + 2 * MARGIN) * ratio
  const context = picture.getContext("2d")
  context.fillStyle = ink.background
  context.fillRect(0, 0, picture.width, picture.height)
  context.drawImage(source, MARGIN * ratio, TITLE * ratio)
  context.scale(ratio, ratio)
  context.fillStyle = ink.text
  context.font = `600 15px ${ink.font}`
  context.fillText(chart.definition.title, MARGIN, 24)
  context.font = `12px ${ink.font}`
  shown.forEach((line, i) => {
    const y = TITLE + source.height / ratio + MARGIN + i * LEGEND_ROW
    context.strokeStyle = colorOf(line, ink)
    context.lineWidth = 2.4
    context.setLineDash(dashOf(line, ink))
    context.beginPath()
    context.moveTo(MARGIN, y); context.lineTo(MARGIN + 24, y)
    context.stroke()
    context.fillText(line.label, MARGIN + 32, y + 4)
  })
  picture.toBlob((blob) => blob && download(blob, `${fileName(chart.definition.title)}.png`), "image/png")
}

function download(blob, name) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

const fileName = (title) => title.trim().replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 80) || "chart"

/** The address of this page with the present zoom as `?zoom=LOW~HIGH`, which the page may read back. */
export function linkTo(window) {
  const address = new URL(location.href)
  if (window) address.searchParams.set("zoom", window.map((x) => Number(x.toPrecision(12))).join("~"))
  else address.searchParams.delete("zoom")
  return address.href
}

export async function copyLink(board, button) {
  const link = linkTo(board.window)
  try {
    await navigator.clipboard.writeText(link)
    board.say("The link was copied.")
  } catch {
    board.say(link)
  }
  button.blur()
}
