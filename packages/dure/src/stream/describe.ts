import { cut, type Stage } from './cut.ts'
import type { Node, TopologyNodes } from './graph.ts'

/** One operator, in words. */
export type OperatorDescription = {
  /** Where it stands, from 0 on. */
  readonly id: number
  readonly kind: string
  readonly name?: string
  /** The operators that it reads, by their ids. */
  readonly reads: readonly number[]
  readonly about: Readonly<Record<string, string | number>>
  /** It is read again by the partition of its key. */
  readonly exchange?: true
}

export type TopologyDescription = {
  readonly name: string
  readonly operators: readonly OperatorDescription[]
  /** The same for people: a line for each operator, behind those that it reads. */
  readonly text: string
}

/** What an upgrade does to state: carried over where operator, kind and sizes are the same; new; or in the way. */
export type TopologyDiff = {
  readonly carried: readonly string[]
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Operators of the same name whose state the new ones could not read, and why. */
  readonly refused: readonly { readonly name: string; readonly why: string }[]
}

/**
 * Describes a topology, as text and as JSON.
 *
 * @example
 * ```ts
 * import { event } from 'dure/contract'
 * import { describe, stream, topology } from 'dure/stream'
 * import { z } from 'zod'
 *
 * const Seen = event('page.seen', { schema: z.object({ page: z.string() }), key: ({ page }) => page })
 * const views = topology('views', [stream(Seen).byKey().count({ name: 'per-page' })])
 * console.log(describe(views).operators.map(({ kind, name }) => name ?? kind)) // → [ 'page.seen', 'per-page' ]
 * ```
 */
export function describe({ name, nodes }: TopologyNodes): TopologyDescription {
  const ids = new Map(nodes.map((node, id) => [node, id]))
  const operators = nodes.map((node, id): OperatorDescription => ({
    ...{ id, kind: node.kind, ...(node.name !== undefined && { name: node.name }) },
    ...{ reads: node.inputs.map((input) => ids.get(input)!), about: node.about },
    ...(node.exchange === true && { exchange: true }),
  }))
  return { name, operators, text: [`topology ${name}`, ...operators.map((one) => lineOf(one, operators)), ''].join('\n') }
}

function lineOf({ kind, name, reads, about, exchange }: OperatorDescription, all: readonly OperatorDescription[]): string {
  const isOnly = (kind: string): boolean => all.filter((one) => one.kind === kind).length === 1
  const title = ({ id, name: own, kind: its }: OperatorDescription): string => own ?? (isOnly(its) ? its : `${its} (${id})`)
  const from = reads.map((id) => title(all[id]!)).join(', ')
  const sizes = Object.entries(about).map(([what, value]) => `${what} ${value}`)
  const said = [...(name === undefined || name === kind ? [] : [kind]), ...sizes, ...(exchange === true ? ['by its key'] : [])]
  return `${name ?? kind}${said.length === 0 ? '' : ` [${said.join(', ')}]`}${from === '' ? '' : ` <- ${from}`}`
}

/** What is written down of a topology, to compare the next release with. */
export type StateShape = {
  readonly name: string
  readonly kind: string
  readonly about: Readonly<Record<string, string | number>>
  /** How its keys are spread over partitions, where copies share the store; absent where one process has all of them. */
  readonly spread?: string
}

/** What a topology that is cut hands on is in its shapes as well, by names that no operator has. */
export const HANDED = ' > '

/** `parts`: of each stage behind the first. */
type CutShape = { readonly stages: readonly Stage[]; readonly parts: number | undefined }

export function shapesOf({ nodes }: Pick<TopologyNodes, 'nodes'>, cut?: CutShape): readonly StateShape[] {
  const shapes = nodes.flatMap((node: Node) => {
    const { name, kind, about, source } = node
    if (name === undefined || source !== undefined) return []
    const stage = cut?.stages.find((one) => one.nodes.includes(node))
    return [{ name, kind, about, ...(stage && { spread: spreadOf(stage, cut!.parts) }) }]
  })
  const handed = cut?.stages.flatMap(({ takes }) => [...takes.keys()].map((name) => ({ name, kind: 'handed on', about: {} })))
  return [...shapes, ...(handed ?? [])]
}

function spreadOf({ level, name }: Stage, parts: number | undefined): string {
  if (level === 0) return `the partitions of topic "${name}"`
  return parts === undefined ? 'its key' : `its key, in ${parts} parts`
}

/**
 * Compares two releases of a topology: which state the new one goes on with.
 *
 * @example
 * ```ts
 * import { event } from 'dure/contract'
 * import { diff, stream, topology, tumbling } from 'dure/stream'
 * import { z } from 'zod'
 *
 * const Seen = event('page.seen', { schema: z.object({ page: z.string() }), key: ({ page }) => page })
 * const per = (size: '1m' | '5m') =>
 *   topology('views', [stream(Seen).byKey().window(tumbling(size), { late: 'drop' }).count({ name: 'per-page' })])
 * console.log(diff(per('1m'), per('1m')).carried) // → [ 'per-page' ]
 * console.log(diff(per('1m'), per('5m')).refused[0]?.why) // → size was 60000 and is 300000
 * ```
 *
 * @param options `copies`: copies share the store (PostgreSQL), so that state is also of a partition
 */
export function diff(
  old: TopologyNodes,
  next: TopologyNodes,
  { copies = false }: { readonly copies?: boolean } = {},
): TopologyDiff {
  const shapes = ({ nodes }: TopologyNodes): readonly StateShape[] =>
    shapesOf({ nodes }, copies ? { stages: cut(nodes), parts: undefined } : undefined).filter(
      ({ name }) => !name.includes(HANDED),
    )
  return diffShapes(shapes(old), shapes(next))
}

export function diffShapes(old: readonly StateShape[], next: readonly StateShape[]): TopologyDiff {
  const before = new Map(old.map((one) => [one.name, one]))
  const names = new Set(next.map(({ name }) => name))
  const carried: string[] = []
  const added: string[] = []
  const refused: { name: string; why: string }[] = []
  for (const one of next) {
    const was = before.get(one.name)
    const why = was && changeOf(was, one)
    if (was === undefined) added.push(one.name)
    else if (why === undefined) carried.push(one.name)
    else refused.push({ name: one.name, why })
  }
  return { carried, added, removed: old.map(({ name }) => name).filter((name) => !names.has(name)), refused }
}

/** What late events become may change with every release; how state is cut may not. */
function changeOf(was: StateShape, is: StateShape): string | undefined {
  if (was.spread !== undefined && is.spread !== undefined && was.spread !== is.spread)
    return `it was spread by ${was.spread} and is by ${is.spread}`
  if (was.kind !== is.kind) return `it was a ${was.kind} and is a ${is.kind}`
  const changed = [...new Set([...Object.keys(was.about), ...Object.keys(is.about)])].find(
    (name) => name !== 'late' && name !== 'grace' && was.about[name] !== is.about[name],
  )
  return changed && `${changed} was ${was.about[changed] ?? 'not said'} and is ${is.about[changed] ?? 'not said'}`
}
