const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** East Asian wide and full-width characters, and pictures: a terminal gives them two columns. Source: Unicode UAX #11. */
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1B000}-\u{1B2FF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}|\uFE0F/u
const PLAIN = /^[\x20-\x7E]*$/

/** Columns that a text takes at a terminal. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const { segment } of GRAPHEMES.segment(text)) width += graphemeWidth(segment)
  return width
}

function graphemeWidth(grapheme: string): number {
  if (/^[\p{M}\p{Cf}\p{Cc}]+$/u.test(grapheme)) return 0
  return WIDE.test(grapheme) ? 2 : 1
}

/** The text with spaces after it, up to a width. */
export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)))
}

/** As much of the text as fits, with an ellipsis when that is not all of it. */
export function shorten(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  return width <= 0 ? '' : `${text.slice(0, endOf(text, width - 1))}…`
}

/** The beginning and the end of a text, with an ellipsis between them when it does not fit: names differ at both. */
export function shortenMiddle(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  if (width <= 1) return width === 1 ? '…' : ''
  const tail = Math.floor((width - 1) / 2)
  let [start, taken] = [text.length, 0]
  for (const { segment, index } of [...GRAPHEMES.segment(text)].toReversed()) {
    taken += graphemeWidth(segment)
    if (taken > tail) break
    start = index
  }
  return `${text.slice(0, endOf(text, width - 1 - tail))}…${text.slice(start)}`
}

/** As much of the text as fits into a width, one grapheme at least, and the rest. */
export function split(text: string, width: number): readonly [head: string, rest: string] {
  const first = GRAPHEMES.segment(text).containing(0)?.segment.length ?? 0
  const end = Math.max(first, endOf(text, width))
  return [text.slice(0, end), text.slice(end)]
}

/** Where what fits into a width ends. */
function endOf(text: string, width: number): number {
  let taken = 0
  for (const { segment, index } of GRAPHEMES.segment(text)) {
    taken += graphemeWidth(segment)
    if (taken > width) return index
  }
  return text.length
}
