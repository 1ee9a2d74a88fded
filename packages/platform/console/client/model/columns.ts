/** A trace of any size as columns of numbers, in the order in which a tree of it is read: that is drawn, folded and searched without waiting. */

/** As `traces.show` tells it. */
export type SpanReading = {
  readonly traceId?: string
  readonly spanId: string
  readonly parentId?: string | null
  readonly name: string
  readonly kind?: string
  readonly service: string
  readonly copy?: string
  /** Milliseconds since the epoch, with fractions. */
  readonly start: number
  /** Milliseconds, with fractions. */
  readonly duration: number
  readonly failed?: boolean
  readonly status?: string
  readonly message?: string | null
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly resource?: Readonly<Record<string, unknown>>
  readonly events?: readonly {
    readonly time: number
    readonly name: string
    readonly attributes?: Readonly<Record<string, unknown>>
  }[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
}

export type Columns = {
  readonly count: number
  /** Milliseconds after the beginning of the trace. */
  readonly start: Float64Array
  readonly duration: Float64Array
  /** Index of the parent; -1: none that is known. */
  readonly parent: Int32Array
  readonly depth: Uint32Array
  /** How many it is with all below it: those follow it at once. */
  readonly size: Int32Array
  readonly service: Uint16Array
  readonly name: Uint32Array
  readonly failed: Uint8Array
  /** 1: the trace would have ended sooner, had this been quicker. */
  readonly critical: Uint8Array
  readonly services: readonly string[]
  readonly names: readonly string[]
  readonly ids: readonly string[]
  /** How many are under way in each slice of time, and whether one that failed ends in it. */
  readonly density: Float32Array
  readonly failures: Uint8Array
  /** Milliseconds since the epoch. */
  readonly began: number
  readonly total: number
}

export const SLICES = 1_000

export const isFailed = ({ failed, status }: Pick<SpanReading, 'failed' | 'status'>): boolean =>
  failed === true || status === 'error'

/** Columns of these spans, and which span each row is. Parents that are not there, and circles of parents, begin a tree. */
export function columnsOf(spans: readonly SpanReading[]): { readonly columns: Columns; readonly order: Int32Array } {
  const count = spans.length
  const { parents, children, roots } = treeOf(spans)
  const { order, depth, size, parent } = preorder(count, { parents, children, roots })
  let began = Infinity
  let ended = -Infinity
  for (const span of spans) {
    if (span.start < began) began = span.start
    if (span.start + span.duration > ended) ended = span.start + span.duration
  }
  if (count === 0) [began, ended] = [0, 0]
  const services = dictionary()
  const names = dictionary()
  const start = new Float64Array(count)
  const duration = new Float64Array(count)
  const service = new Uint16Array(count)
  const name = new Uint32Array(count)
  const failed = new Uint8Array(count)
  const ids = Array.from({ length: count }, () => '')
  for (let row = 0; row < count; row++) {
    const span = spans[order[row]!]!
    start[row] = span.start - began
    duration[row] = Math.max(0, span.duration)
    service[row] = services.indexOf(span.service)
    name[row] = names.indexOf(span.name)
    failed[row] = isFailed(span) ? 1 : 0
    ids[row] = span.spanId
  }
  const total = ended - began
  const shape = { count, start, duration, parent, size }
  const columns: Columns = {
    ...{ ...shape, depth, service, name, failed, ids, began, total },
    ...{ services: services.all, names: names.all, critical: criticalPath(shape), ...overview({ ...shape, failed, total }) },
  }
  return { columns, order }
}

function dictionary(): { readonly all: string[]; readonly indexOf: (text: string) => number } {
  const known = new Map<string, number>()
  const all: string[] = []
  return {
    all,
    indexOf: (text) => {
      const found = known.get(text)
      if (found !== undefined) return found
      known.set(text, all.length)
      return all.push(text) - 1
    },
  }
}

type Tree = {
  readonly parents: Int32Array
  readonly children: readonly (readonly number[] | undefined)[]
  readonly roots: readonly number[]
}

function treeOf(spans: readonly SpanReading[]): Tree {
  const byId = new Map<string, number>()
  for (const [index, { spanId }] of spans.entries()) byId.set(spanId, index)
  const parents = new Int32Array(spans.length).fill(-1)
  const children: (number[] | undefined)[] = Array.from({ length: spans.length })
  const roots: number[] = []
  for (const [index, { parentId }] of spans.entries()) {
    const found = parentId === undefined || parentId === null ? undefined : byId.get(parentId)
    if (found === undefined || found === index) roots.push(index)
    else {
      parents[index] = found
      ;(children[found] ??= []).push(index)
    }
  }
  const earlier = (a: number, b: number): number => spans[a]!.start - spans[b]!.start || a - b
  for (const one of children) one?.sort(earlier)
  return { parents, children, roots: roots.sort(earlier) }
}

/** Each span before all below it. What no root leads to is in a circle of parents, which is cut where it is first met. */
function preorder(
  count: number,
  { parents, children, roots }: Tree,
): Pick<Columns, 'depth' | 'size' | 'parent'> & { readonly order: Int32Array } {
  const order = new Int32Array(count)
  const rowOf = new Int32Array(count).fill(-1)
  const depth = new Uint32Array(count)
  const size = new Int32Array(count).fill(1)
  const parent = new Int32Array(count).fill(-1)
  const stack: number[] = []
  let row = 0
  const walk = (root: number): void => {
    stack.push(root)
    while (stack.length > 0) {
      const span = stack.pop()!
      if (rowOf[span] !== -1) continue
      rowOf[span] = row
      order[row] = span
      const above = span === root ? -1 : rowOf[parents[span]!]!
      parent[row] = above
      depth[row] = above === -1 ? 0 : depth[above]! + 1
      row++
      const below = children[span]
      if (below !== undefined) for (let at = below.length - 1; at >= 0; at--) stack.push(below[at]!)
    }
  }
  for (const root of roots) walk(root)
  for (let span = 0; row < count; span++) if (rowOf[span] === -1) walk(span)
  for (let at = count - 1; at > 0; at--) if (parent[at] !== -1) size[parent[at]!]! += size[at]!
  return { order, depth, size, parent }
}

type Shape = Pick<Columns, 'count' | 'start' | 'duration' | 'parent' | 'size'>

/**
 * Which spans the end of the trace waited for: from the last end backwards, each time into the child that ended last before. Work that goes
 * on after its parent has ended (events) counts with its parent.
 */
export function criticalPath({ count, start, duration, parent, size }: Shape): Uint8Array {
  const critical = new Uint8Array(count)
  // When all of it is over, with what is below.
  const over = new Float64Array(count)
  let last = -1
  for (let row = count - 1; row >= 0; row--) {
    over[row] = Math.max(over[row]!, start[row]! + duration[row]!)
    const above = parent[row]!
    if (above !== -1) over[above] = Math.max(over[above]!, over[row]!)
    else if (last === -1 || over[row]! >= over[last]!) last = row
  }
  const stack: [row: number, until: number][] = last === -1 ? [] : [[last, over[last]!]]
  while (stack.length > 0) {
    const [row, until] = stack.pop()!
    critical[row] = 1
    const below: number[] = []
    for (let child = row + 1; child < row + size[row]!; child += size[child]!) below.push(child)
    below.sort((a, b) => over[b]! - over[a]!)
    let cursor = until
    for (const child of below) {
      // Clocks of two machines differ: a little late is in time.
      if (over[child]! > cursor + 0.001) continue
      stack.push([child, over[child]!])
      cursor = Math.min(cursor, start[child]!)
    }
  }
  return critical
}

function overview(
  options: Pick<Columns, 'count' | 'start' | 'duration' | 'failed' | 'total'>,
): Pick<Columns, 'density' | 'failures'> {
  const { count, start, duration, failed, total } = options
  const density = new Float32Array(SLICES)
  const failures = new Uint8Array(SLICES)
  const change = new Int32Array(SLICES + 1)
  const slice = (at: number): number => Math.min(SLICES - 1, Math.max(0, Math.floor((at / (total || 1)) * SLICES)))
  for (let row = 0; row < count; row++) {
    const end = slice(start[row]! + duration[row]!)
    change[slice(start[row]!)]! += 1
    change[end + 1]! -= 1
    if (failed[row] === 1) failures[end] = 1
  }
  for (let at = 0, now = 0; at < SLICES; at++) density[at] = now += change[at]!
  return { density, failures }
}

/** The rows that are seen when those in `folded` are closed. */
export function visibleRows({ count, size }: Pick<Columns, 'count' | 'size'>, folded: ReadonlySet<number>): Int32Array {
  const rows = new Int32Array(count)
  let seen = 0
  if (folded.size === 0) {
    for (; seen < count; seen++) rows[seen] = seen
    return rows
  }
  for (let row = 0; row < count; row += folded.has(row) ? size[row]! : 1) rows[seen++] = row
  return rows.subarray(0, seen)
}

/** Which spans have this text in their service, name, id, message or attributes. */
export function matchesOf(spans: readonly SpanReading[], order: Int32Array, text: string): Uint8Array {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean)
  const matches = new Uint8Array(order.length)
  const known = new Map<string, string>()
  const low = (value: string): string => {
    let found = known.get(value)
    if (found === undefined) known.set(value, (found = value.toLowerCase()))
    return found
  }
  for (let row = 0; row < order.length; row++) {
    const span = spans[order[row]!]!
    const head = `${low(span.service)} ${low(span.name)} ${span.spanId} ${isFailed(span) ? 'error failed' : ''}`
    const missing = wanted.filter((word) => !head.includes(word))
    if (missing.length === 0) matches[row] = 1
    else {
      const rest = `${span.message ?? ''} ${JSON.stringify(span.attributes ?? {})}`.toLowerCase()
      if (missing.every((word) => rest.includes(word))) matches[row] = 1
    }
  }
  return matches
}
