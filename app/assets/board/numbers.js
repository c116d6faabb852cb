// Numbers as people read them.

const UNITS = ["", "k", "M", "G", "T", "P"]
const LARGE = 1e5, SMALL = 1e-4

/** A value with about `digits` significant digits. */
export function value(number, digits = 4) {
  if (Number.isNaN(number)) return "NaN"
  if (!Number.isFinite(number)) return number > 0 ? "+∞" : "−∞"
  if (number === 0) return "0"
  const size = Math.abs(number)
  if (size >= 1e18 || size < SMALL) return minus(number.toExponential(digits - 1))
  if (size >= LARGE) return minus(abbreviated(number, digits))
  return minus(Number.isInteger(number) ? String(number) : number.toPrecision(digits).includes("e")
    ? number.toFixed(0) : number.toPrecision(digits))
}

/** A value with the unit of its chart; bytes in binary units. */
export function withUnit(number, unit, digits = 4) {
  if (unit === "bytes" && Number.isFinite(number)) return bytes(number)
  const text = value(number, digits)
  if (!unit) return text
  return unit === "%" ? `${text} %` : `${text} ${unit}`
}

/** A difference, with its sign. */
export function difference(number, unit) {
  if (!Number.isFinite(number)) return "–"
  const text = unit === "bytes" ? bytes(number) : value(number, 3)
  return number > 0 ? `+${text}` : text
}

export function bytes(number) {
  const names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
  let size = Math.abs(number), power = 0
  while (size >= 1024 && power < names.length - 1) { size /= 1024; power++ }
  return `${number < 0 ? "−" : ""}${size < 10 && power ? size.toFixed(2) : size < 100 && power ? size.toFixed(1) : size.toFixed(0)} ${names[power]}`
}

/** Seconds as `1 h 04 min`. */
export function seconds(number) {
  const sign = number < 0 ? "−" : "", all = Math.abs(number)
  if (all < 60) return `${sign}${all < 10 && all % 1 ? all.toFixed(1) : all.toFixed(0)} s`
  const minutes = Math.floor(all / 60)
  if (minutes < 60) return `${sign}${clock(minutes, Math.floor(all % 60))} min`
  if (minutes < 1440) return `${sign}${clock(Math.floor(minutes / 60), minutes % 60)} h`
  return `${sign}${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`
}

/** Seconds since the epoch as local date and time, `11-14 22:48:17`; the year only where it is not this one. */
export function moment(number) {
  const date = new Date(number * 1000)
  const day = `${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
  const year = date.getFullYear() === new Date().getFullYear() ? "" : `${date.getFullYear()}-`
  return `${year}${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
}

/** A place on the x axis, told in its unit. */
export function place(number, axis) {
  switch (axis) {
    case "wall": return moment(number)
    case "relative": return seconds(number)
    case "epoch": return number.toFixed(2)
    default: return count(number)
  }
}

/** A whole number with separators. */
export const count = (number) => Math.round(number).toLocaleString("en-US")

/** `1 value`, `2 values`. */
export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`

/** Labels of ticks `increment` apart: as many decimals as tell them apart. */
export function ticks(splits, increment, unit) {
  if (unit === "bytes") return splits.map(bytes)
  const largest = Math.max(...splits.map((split) => Math.abs(split ?? 0)))
  if (largest >= LARGE) return splits.map((split) => (split == null ? "" : minus(abbreviated(split, 4))))
  if (largest < SMALL && largest > 0) return splits.map((split) => (split ? minus(shortExponent(split)) : "0"))
  const decimals = Math.min(8, Math.max(0, -Math.floor(Math.log10(increment || 1) + 1e-9)))
  return splits.map((split) => (split == null ? "" : split === 0 ? "0" : minus(split.toFixed(decimals))))
}

/** Labels of moments `increment` seconds apart: the time of day, the date where a day begins. */
export const clockTicks = (splits, increment) => splits.map((split) => {
  const date = new Date(split * 1000)
  const [day, time, full] = [
    `${pad(date.getMonth() + 1)}-${pad(date.getDate())}`,
    `${pad(date.getHours())}:${pad(date.getMinutes())}`,
    pad(date.getSeconds()),
  ]
  if (time === "00:00" && full === "00") return increment >= 28 * 86400 ? `${date.getFullYear()}-${day.slice(0, 2)}` : day
  return increment < 60 ? `${time}:${full}` : time
})

/** Labels of logarithmic ticks. */
export const logTicks = (splits, unit) => splits.map((split) => {
  if (unit === "bytes") return bytes(split)
  if (split >= LARGE) return abbreviated(split, 3)
  return split < 1e-3 ? shortExponent(split) : String(Number(split.toPrecision(6)))
})

function abbreviated(number, digits) {
  let size = number, power = 0
  while (Math.abs(size) >= 1000 && power < UNITS.length - 1) { size /= 1000; power++ }
  return String(Number(size.toPrecision(digits))) + UNITS[power]
}

const shortExponent = (number) => {
  const [mantissa, exponent] = number.toExponential(2).split("e")
  return `${Number(mantissa)}e${Number(exponent)}`
}
const minus = (text) => text.replace("-", "−").replace("e−", "e-").replace("e+", "e")
const clock = (large, small) => (small ? `${large}:${pad(small)}` : String(large))
const pad = (number) => String(number).padStart(2, "0")
