/** The map of a system: who asks whom, who reacts to whom; as it was declared, and as it was seen. */
import { Graph, layout } from '@dagrejs/dagre'

export type Edge = { readonly from: string; readonly to: string; readonly by: 'call' | 'message' }
/** With what was counted in a time. */
export type SeenEdge = Edge & { readonly times: number; readonly failed: number }

export type MapEdge = SeenEdge & {
  /** `undeclared`: it is used, and no contract says so. `dead`: it is declared, and nothing has gone that way. */
  readonly kind: 'usual' | 'undeclared' | 'dead'
}

/**
 * @param declared of messages; undefined: nobody says what is, and no edge is marked. Which calls there may be is said nowhere
 */
export function edgesOf(seen: readonly SeenEdge[], declared: readonly Edge[] | undefined): readonly MapEdge[] {
  const key = ({ from, to, by }: Edge): string => JSON.stringify([from, to, by])
  const allowed = declared && new Set(declared.map(key))
  const known = new Set(seen.map(key))
  return [
    ...seen.map((edge) => ({
      ...edge,
      kind: edge.by === 'call' || allowed === undefined || allowed.has(key(edge)) ? ('usual' as const) : ('undeclared' as const),
    })),
    ...(declared ?? [])
      .filter((edge) => !known.has(key(edge)))
      .map((edge) => ({ ...edge, times: 0, failed: 0, kind: 'dead' as const })),
  ]
}

export type Placed = {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly nodes: readonly { readonly name: string; readonly x: number; readonly y: number; readonly width: number }[]
  readonly edges: readonly { readonly edge: MapEdge; readonly path: string; readonly x: number; readonly y: number }[]
}

export const NODE_HEIGHT = 46

/** Where everything is. `down`: from top to bottom, for narrow screens. */
export function place(names: readonly string[], edges: readonly MapEdge[], down: boolean): Placed {
  const graph = new Graph({ multigraph: true })
  graph.setGraph({ rankdir: down ? 'TB' : 'LR', nodesep: down ? 26 : 22, ranksep: down ? 56 : 88, marginx: 20, marginy: 20 })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const name of names) graph.setNode(name, { width: widthOf(name), height: NODE_HEIGHT })
  for (const edge of edges) graph.setEdge(edge.from, edge.to, { edge }, edge.by)
  layout(graph)
  return {
    ...boundsOf(graph),
    nodes: graph.nodes().map((name: string) => {
      const { x, y, width: wide } = graph.node(name) as { readonly x: number; readonly y: number; readonly width: number }
      return { name, x, y, width: wide }
    }),
    edges: graph.edges().map((each: EdgeName) => {
      const { edge, points } = graph.edge(each) as { readonly edge: MapEdge; readonly points: readonly Point[] }
      const middle = points[Math.floor(points.length / 2)] ?? { x: 0, y: 0 }
      return { edge, path: curve(points), x: middle.x, y: middle.y }
    }),
  }
}

/** Lines may go round outside of what they connect. */
function boundsOf(graph: Graph): Pick<Placed, 'left' | 'top' | 'width' | 'height'> {
  const { width = 0, height = 0 } = graph.graph() as { readonly width?: number; readonly height?: number }
  const points = graph.edges().flatMap((each: EdgeName) => (graph.edge(each) as { readonly points: readonly Point[] }).points)
  const [xs, ys] = [points.map(({ x }: Point) => x), points.map(({ y }: Point) => y)]
  const [left, top] = [Math.min(0, ...xs.map((x: number) => x - MARGIN)), Math.min(0, ...ys.map((y: number) => y - MARGIN))]
  const [right, bottom] = [
    Math.max(width, ...xs.map((x: number) => x + MARGIN)),
    Math.max(height, ...ys.map((y: number) => y + MARGIN)),
  ]
  return { left, top, width: right - left, height: bottom - top }
}

type EdgeName = { v: string; w: string; name?: string }
const MARGIN = 16

type Point = { readonly x: number; readonly y: number }

/** About what its name takes, in the font of the page. */
export const widthOf = (name: string): number =>
  Math.max(96, 44 + [...name].reduce((sum, one) => sum + (one > '\u2E80' ? 12 : 7.2), 0))

/** A soft line through all points. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points
  if (first === undefined) return ''
  const say = ({ x, y }: Point): string => `${x.toFixed(1)} ${y.toFixed(1)}`
  let path = `M${say(first)}`
  for (const [at, point] of rest.entries()) {
    const next = rest[at + 1]
    const end = next === undefined ? point : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 }
    path += `Q${say(point)} ${say(end)}`
  }
  return path
}
