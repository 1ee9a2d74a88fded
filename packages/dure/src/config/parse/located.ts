/** YAML and JSON as they are written by hand, read strictly, and where in the file each thing stands. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from 'yaml'

/** A value, and the line that it begins on; of an entry, that of its key. */
export type Located = {
  readonly line: number
  /** Texts, numbers, booleans, null, lists and objects of them. */
  readonly value: unknown
  readonly entries?: ReadonlyMap<string, Located>
  readonly items?: readonly Located[]
}

/** What cannot be read, and where. */
export type Fault = { readonly line: number; readonly why: string }

export type Documents = { readonly documents: readonly Located[]; readonly faults: readonly Fault[] }

/** Characters of a file: reading so many stops everything else in this process for two seconds. */
const MOST_TEXT: number = 2 * 1_048_576
const [MOST_DEPTH, MOST_FAULTS] = [40, 100]
const TOO_DEEP = `it is nested deeper than ${MOST_DEPTH} levels`

/** Values that aliases may be written out to. */
const MOST_ALIASED = 10_000

export type ReadingOptions = {
  readonly kind?: 'yaml' | 'json'
  /** Whether anchors, aliases and merges (`<<`) are written out, so far as that stays small. Default: they are faults. */
  readonly aliases?: boolean
}

/**
 * Reads all documents of a text; where there are faults its documents are none to use.
 *
 * @example
 * ```ts
 * import { readDocuments } from 'dure/config/parse'
 *
 * const { documents, faults } = readDocuments('payment:\n  timeout: 500\n')
 * console.log(documents[0]?.value, faults.length) // → { payment: { timeout: 500 } } 0
 * const [fault] = readDocuments('a: 1\na: 2\n').faults
 * console.log(fault?.line, fault?.why) // → 2 it has "a" again, which stands in line 1 already; keep one of them
 * ```
 */
export function readDocuments(text: string, { kind = 'yaml', aliases = false }: ReadingOptions = {}): Documents {
  if (text.length > MOST_TEXT)
    return faulty(1, `it has ${text.length} characters; give ${MOST_TEXT} at most, or a module that makes them`)
  let source = text
  if (kind === 'json') {
    try {
      JSON.parse(text)
    } catch (error) {
      return faulty(lineOf(text, error as Error), `it is no JSON: ${(error as Error).message}`)
    }
    // Where JSON has a tab at all, it is a space; YAML is more particular.
    source = text.replaceAll('\t', ' ')
  }
  const lines = new LineCounter()
  let parsed: readonly Document[]
  try {
    const options = {
      version: '1.2',
      schema: 'core',
      merge: false,
      uniqueKeys: false,
      stringKeys: false,
      logLevel: 'silent',
    } as const
    const documents = parseAllDocuments(source, { ...options, lineCounter: lines, prettyErrors: false })
    parsed = 'empty' in documents ? [] : documents
  } catch (error) {
    // One that is nested too deep for the stack.
    return faulty(1, error instanceof RangeError ? TOO_DEEP : `it cannot be read: ${(error as Error).message}`)
  }
  const faults: Fault[] = []
  const fault = (line: number, why: string): void => void (faults.length < MOST_FAULTS && faults.push({ line, why }))
  for (const { errors, warnings } of parsed)
    for (const { code, message, pos } of [...errors, ...warnings]) {
      const tab = code === 'TAB_AS_INDENT' ? '; indent with spaces' : ''
      const why = /stack/i.test(message) ? TOO_DEEP : `it is no YAML: ${message.split('\n', 1)[0]!}${tab}`
      fault(lines.linePos(pos[0]).line, why)
      if (why === TOO_DEEP) break
    }
  if (faults.length > 0) return { documents: [], faults }
  const documents = parsed.flatMap(({ contents }) =>
    contents === null || isEmpty(contents) ? [] : [walking(lines, fault, aliases)(contents as Node, 0)],
  )
  return { documents, faults }
}

const isEmpty = (node: unknown): boolean => isScalar(node) && node.value === null && (node.source ?? '') === ''
const faulty = (line: number, why: string): Documents => ({ documents: [], faults: [{ line, why }] })

function walking(
  lines: LineCounter,
  fault: (line: number, why: string) => void,
  aliases: boolean,
): (node: Node, depth: number) => Located {
  const anchors = aliases ? new Map<string, Node>() : undefined
  let [inside, aliased] = [0, 0]
  const lineOfNode = (node: unknown): number => {
    const [at] = (node as Node | null)?.range ?? [0]
    return lines.linePos(at).line
  }
  const walk = (node: Node | null, depth: number, line: number = lineOfNode(node)): Located => {
    if (node === null) return { line, value: null }
    if (depth > MOST_DEPTH) {
      fault(line, TOO_DEEP)
      return { line, value: null }
    }
    if (inside > 0 && ++aliased > MOST_ALIASED) {
      if (aliased === MOST_ALIASED + 1)
        fault(line, `its aliases stand for more than ${MOST_ALIASED} values; write out what is meant`)
      return { line, value: null }
    }
    if (isAlias(node)) {
      if (anchors !== undefined) {
        inside++
        const meant = walk(anchors.get(node.source) ?? null, depth + 1, line)
        inside--
        return meant
      }
      fault(line, `it refers to another place with "*${node.source}"; write out what is meant`)
      return { line, value: null }
    }
    const { anchor, tag } = node as { readonly anchor?: string; readonly tag?: string }
    if (anchor !== undefined && anchors !== undefined) anchors.set(anchor, node)
    else if (anchor !== undefined) fault(line, `it has the anchor "&${anchor}"; leave it out, and write out what refers to it`)
    if (tag !== undefined && !PLAIN_TAGS.has(tag)) fault(line, `it has the tag "${tag}"; leave it out`)
    if (isSeq(node)) {
      const items = node.items.map((item) => walk(item as Node | null, depth + 1))
      return { line, value: items.map(({ value }) => value), items }
    }
    if (isMap(node)) return { line, ...mapOf(node, depth) }
    return { line, value: isScalar(node) ? node.value : null }
  }
  const mapOf = (node: { readonly items: readonly { readonly key: unknown; readonly value: unknown }[] }, depth: number) => {
    const entries = new Map<string, Located>()
    const merged: Located[] = []
    for (const { key, value } of node.items) {
      const line = lineOfNode(key)
      if (anchors !== undefined && isScalar(key) && key.value === '<<') {
        for (const one of isSeq(value) ? value.items : [value]) merged.push(walk(one as Node | null, depth + 1, line))
        continue
      }
      const name = isScalar(key) && !hasAnchor(key) ? (typeof key.value === 'string' ? key.value : key.source) : undefined
      if (name === undefined || name === '<<' || name === '__proto__') fault(line, 'it has a key that is no text; give one')
      else if (entries.has(name))
        fault(line, `it has "${name}" again, which stands in line ${entries.get(name)!.line} already; keep one of them`)
      else entries.set(name, walk(value as Node | null, depth + 1, line))
    }
    // What a mapping says itself goes before what is merged into it, and of several the first.
    for (const one of merged) for (const [name, each] of one.entries ?? []) if (!entries.has(name)) entries.set(name, each)
    return { entries, value: Object.fromEntries([...entries].map(([name, { value }]) => [name, value])) }
  }
  return walk
}

const hasAnchor = (key: unknown): boolean => (key as { readonly anchor?: string }).anchor !== undefined
/** What a value has without a tag. */
const PLAIN_TAGS: ReadonlySet<string> = new Set(
  ['str', 'map', 'seq', 'null', 'bool', 'int', 'float'].map((name) => `tag:yaml.org,2002:${name}`),
)

/** Node says it in words, or by a position. */
function lineOf(text: string, { message }: Error): number {
  const [, line] = /\(line (\d+) column/.exec(message) ?? []
  if (line !== undefined) return Number(line)
  const [, position] = /at position (\d+)/.exec(message) ?? []
  return position === undefined ? 1 : text.slice(0, Number(position)).split('\n').length
}

/**
 * The line of what keys lead to, or of the last of them that is there.
 *
 * @example
 * ```ts
 * import { lineAt, readDocuments } from 'dure/config/parse'
 *
 * const [document] = readDocuments('a:\n  - 1\n  - b: 2\n').documents
 * console.log(lineAt(document!, ['a', '1', 'b'])) // → 3
 * ```
 */
export function lineAt(located: Located, keys: readonly string[]): number {
  let at = located
  for (const key of keys) {
    const next = at.entries?.get(key) ?? at.items?.[Number(key)]
    if (next === undefined) break
    at = next
  }
  return at.line
}
