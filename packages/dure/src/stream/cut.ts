import type { Node } from './graph.ts'

/**
 * A part of a topology whose tasks each have one partition: of a topic, or of what other parts hand on by the keys of its records.
 * Copies of a service that share its store run a topology as these; one process alone has it as a whole.
 */
export type Stage = {
  /** The topic that it reads; `#1`, `#2`, … of those that are handed what they read. No topic is called so. */
  readonly name: string
  /** 0 where it reads a topic; else one more than the last that hands on to it. */
  readonly level: number
  /** Each behind those that it reads. One without state may be in several stages. */
  readonly nodes: readonly Node[]
  /** What is handed to it: nodes of other stages, which run nowhere in this one. By the names that their records go under. */
  readonly takes: ReadonlyMap<string, Node>
  /** The stages that hand on to it. */
  readonly from: readonly string[]
  /** Where the records of a node go, beside those behind it here. */
  readonly sends: ReadonlyMap<Node, readonly { readonly stage: string; readonly edge: string }[]>
}

/** Where an operator runs, and how its records are spread there: what has the same place and spread has one key in one task. */
type Place = { readonly level: number; readonly stage: string; readonly spread: string }

const KEY = 'key'
const MIXED = 'mixed'

/**
 * Cuts a topology where one key is in several tasks: behind what changes keys, and before what puts inputs together that are spread
 * in different ways.
 */
export function cut(nodes: readonly Node[]): readonly Stage[] {
  // What hands on as time passes must not do so by the time of one partition alone, when others wait for it: it moves behind an exchange.
  const later = new Set<Node>()
  for (;;) {
    const places = placesOf(nodes, later)
    const edges = edgesOf(nodes, places)
    const early = nodes.filter(
      (node) => node.timed !== undefined && places.get(node)![0]!.level === 0 && leadsTo(node, nodes, new Set(edges.keys())),
    )
    if (early.length === 0) return stagesOf(nodes, places, edges)
    for (const node of early) later.add(node)
  }
}

function placesOf(nodes: readonly Node[], later: ReadonlySet<Node>): ReadonlyMap<Node, readonly Place[]> {
  const places = new Map<Node, readonly Place[]>()
  const handed = (level: number): Place => ({ level, stage: `#${level}`, spread: KEY })
  const outOf = (input: Node): readonly Place[] => {
    const own = places.get(input)!
    return input.exchange === true ? [handed(1 + Math.max(...own.map(({ level }) => level)))] : own
  }
  for (const node of nodes) {
    if (node.source !== undefined) {
      const { topic } = node.source.event
      places.set(node, [{ level: 0, stage: topic, spread: `topic ${topic}` }])
      continue
    }
    const inputs = node.inputs.map(outOf)
    const all = distinct(inputs.flat())
    if (node.name === undefined) {
      places.set(node, all)
      continue
    }
    const [only] = all
    const stays = all.length === 1 && only!.spread !== MIXED && !(later.has(node) && only!.level === 0)
    const isByKey = (from: readonly Place[]): boolean => from.length === 1 && from[0]!.level > 0 && from[0]!.spread === KEY
    const level = (): number =>
      Math.max(...inputs.flatMap((from) => from.map((one) => (isByKey(from) ? one.level : one.level + 1))))
    const place = stays ? only! : handed(level())
    // Records of one key and one window are where those of the key are.
    places.set(node, [{ ...place, spread: node.timed === 'windows' ? `window of ${place.spread}` : place.spread }])
  }
  return places
}

function distinct(places: readonly Place[]): readonly Place[] {
  const byStage = new Map<string, Place>()
  for (const place of places) {
    const same = byStage.get(place.stage)
    byStage.set(place.stage, same === undefined || same.spread === place.spread ? place : { ...same, spread: MIXED })
  }
  return [...byStage.values()]
}

/** Which stages each node hands its records on to. */
function edgesOf(nodes: readonly Node[], places: ReadonlyMap<Node, readonly Place[]>): ReadonlyMap<Node, ReadonlySet<string>> {
  const edges = new Map<Node, Set<string>>()
  for (const node of nodes)
    for (const input of node.inputs) {
      const own = places.get(input)!
      const to = places.get(node)!
      const isHere = ({ stage }: Place): boolean => own.some((one) => one.stage === stage)
      const next = `#${1 + Math.max(...own.map(({ level }) => level))}`
      // One without state runs wherever something comes to it.
      const stages =
        node.name === undefined ? (input.exchange === true ? [next] : []) : to.flatMap((one) => (isHere(one) ? [] : one.stage))
      for (const stage of stages) edges.set(input, (edges.get(input) ?? new Set()).add(stage))
    }
  return edges
}

function leadsTo(node: Node, nodes: readonly Node[], ends: ReadonlySet<Node>): boolean {
  return ends.has(node) || nodes.some((one) => one.inputs.includes(node) && leadsTo(one, nodes, ends))
}

function stagesOf(
  nodes: readonly Node[],
  places: ReadonlyMap<Node, readonly Place[]>,
  edges: ReadonlyMap<Node, ReadonlySet<string>>,
): readonly Stage[] {
  const levels = new Map(nodes.flatMap((node) => places.get(node)!.map(({ stage, level }) => [stage, level] as const)))
  const isIn = (node: Node, stage: string): boolean => places.get(node)!.some((one) => one.stage === stage)
  const names = new Map<Node, string>()
  for (const node of edges.keys()) {
    const name = `${node.name ?? node.kind} > ${readersOf(node, nodes).join(', ')}`
    const same = [...names.values()].filter((one) => one === name || one.startsWith(`${name} (`)).length
    names.set(node, same === 0 ? name : `${name} (${same + 1})`)
  }
  return [...levels]
    .toSorted(([, one], [, other]) => one - other)
    .map(([name, level]): Stage => {
      const takes = nodes.filter((node) => edges.get(node)?.has(name) === true)
      const here = nodes.filter((node) => isIn(node, name))
      return {
        ...{ name, level, nodes: here },
        takes: new Map(takes.map((node) => [names.get(node)!, node])),
        from: [...new Set(takes.flatMap((node) => places.get(node)!.map(({ stage }) => stage)))],
        sends: new Map(
          here.flatMap((node) => {
            const to = edges.get(node)
            return to === undefined ? [] : [[node, [...to].map((stage) => ({ stage, edge: names.get(node)! }))]]
          }),
        ),
      }
    })
}

/** What reads a node, through those that have no name: so that what waits between two releases is known by whom it is for. */
function readersOf(node: Node, nodes: readonly Node[]): readonly string[] {
  const behind = nodes.filter(({ inputs }) => inputs.includes(node))
  return [
    ...new Set(behind.flatMap((one) => one.name ?? (one.publishes === undefined ? readersOf(one, nodes) : one.kind))),
  ].toSorted()
}
