/** What is different between two texts, by lines. */
export type DiffLine = { readonly kind: 'same' | 'gone' | 'added'; readonly text: string }

/** More lines than this are not compared one by one: all of the one goes, all of the other comes. */
const MOST = 2_000

export function difference(before: string, after: string): readonly DiffLine[] {
  const [a, b] = [before.split('\n'), after.split('\n')]
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  const say = (kind: DiffLine['kind'], lines: readonly string[]): readonly DiffLine[] => lines.map((text) => ({ kind, text }))
  return [
    ...say('same', a.slice(0, head)),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...say('same', a.slice(a.length - tail)),
  ]
}

/** By their longest common subsequence. */
function middle(a: readonly string[], b: readonly string[]): readonly DiffLine[] {
  const gone = (text: string): DiffLine => ({ kind: 'gone', text })
  const added = (text: string): DiffLine => ({ kind: 'added', text })
  if (a.length > MOST || b.length > MOST) return [...a.map(gone), ...b.map(added)]
  const wide = b.length + 1
  const longest = new Uint16Array((a.length + 1) * wide)
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      longest[i * wide + j] =
        a[i] === b[j] ? longest[(i + 1) * wide + j + 1]! + 1 : Math.max(longest[(i + 1) * wide + j]!, longest[i * wide + j + 1]!)
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: 'same', text: a[i++]! })
      j++
    } else if (i < a.length && (j === b.length || longest[(i + 1) * wide + j]! >= longest[i * wide + j + 1]!))
      lines.push(gone(a[i++]!))
    else lines.push(added(b[j++]!))
  }
  return lines
}

/** JSON text with a line for each field; as it is when it is none. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
