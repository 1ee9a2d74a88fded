/** Which route a request takes. A change of one route touches the nodes on its own path, and no other. */
import type { Head } from '../wire/wire.ts'
import type { Matcher } from './matcher.ts'
import { segmentsOf } from './path.ts'

export type Match<R> =
  | { readonly is: 'found'; readonly route: R; readonly segments: readonly string[] }
  | { readonly is: 'nothing' | 'malformed' }
  | { readonly is: 'other methods'; readonly allow: readonly string[] }

type Node<R> = {
  readonly literals: Map<string, Node<R>>
  parameter: Node<R> | undefined
  exact: R[]
  prefix: R[]
}

const createNode = <R>(): Node<R> => ({ literals: new Map(), parameter: undefined, exact: [], prefix: [] })

export type Table<R extends Matcher> = {
  readonly set: (route: R) => void
  readonly remove: (name: string) => void
  readonly get: (name: string) => R | undefined
  readonly all: () => IterableIterator<R>
  /** @param address of the client */
  readonly find: (head: Head, address: string) => Match<R>
}

export function createTable<R extends Matcher>(): Table<R> {
  const routes = new Map<string, R>()
  const hosts = new Map<string, Node<R>>()
  const anywhere = createNode<R>()

  const rootOf = ({ host }: Matcher): Node<R> => {
    if (host === undefined) return anywhere
    const known = hosts.get(host)
    if (known !== undefined) return known
    const made = createNode<R>()
    hosts.set(host, made)
    return made
  }
  const remove = (name: string): void => {
    const route = routes.get(name)
    if (route === undefined) return
    routes.delete(name)
    const root = rootOf(route)
    takeOut(root, route, 0)
    if (route.host !== undefined && isEmpty(root)) hosts.delete(route.host)
  }
  const set = (route: R): void => {
    remove(route.name)
    routes.set(route.name, route)
    let node = rootOf(route)
    for (const part of route.template) {
      if (typeof part !== 'string') node = node.parameter ??= createNode()
      else {
        let next = node.literals.get(part)
        if (next === undefined) node.literals.set(part, (next = createNode()))
        node = next
      }
    }
    const list = route.prefix ? node.prefix : node.exact
    list.push(route)
    // Whoever asks for more goes first; of equals, the name decides, so that no order of changes does.
    list.sort((one, other) => askedBy(other) - askedBy(one) || (one.name < other.name ? -1 : 1))
  }

  const find = (head: Head, address: string): Match<R> => {
    const segments = segmentsOf(head.target, head.pathEnd)
    if (segments === undefined) return MALFORMED
    const asked: Search = { segments, head, address, allow: undefined }
    const route = (hosts.size > 0 ? ofHost(asked) : undefined) ?? search(anywhere, asked, 0)
    if (route !== undefined) return { is: 'found', route, segments }
    return asked.allow === undefined ? NOTHING : { is: 'other methods', allow: [...asked.allow].sort() }
  }
  const ofHost = (asked: Search): R | undefined => {
    const host = hostOf(asked.head.host)
    const look = (name: string): R | undefined => {
      const root = hosts.get(name)
      return root === undefined ? undefined : search(root, asked, 0)
    }
    const first = host.indexOf('.')
    let route = look(host) ?? (first === -1 ? undefined : look(`*${host.slice(first)}`))
    for (let dot = first; route === undefined && dot !== -1; dot = host.indexOf('.', dot + 1))
      route = look(`**${host.slice(dot)}`)
    return route
  }

  return { set, remove, find, get: (name) => routes.get(name), all: () => routes.values() }
}

const MALFORMED = { is: 'malformed' } as const
const NOTHING = { is: 'nothing' } as const

const askedBy = ({ conditions, methods }: Matcher): number => conditions.length * 2 + (methods === undefined ? 0 : 1)

const isEmpty = <R>({ literals, parameter, exact, prefix }: Node<R>): boolean =>
  literals.size === 0 && parameter === undefined && exact.length === 0 && prefix.length === 0

/** Takes a route out, and the nodes that nobody needs any more. */
function takeOut<R extends Matcher>(node: Node<R>, route: R, depth: number): void {
  const part = route.template[depth]
  if (part === undefined) {
    if (route.prefix) node.prefix = node.prefix.filter(({ name }) => name !== route.name)
    else node.exact = node.exact.filter(({ name }) => name !== route.name)
    return
  }
  const next = typeof part === 'string' ? node.literals.get(part)! : node.parameter!
  takeOut(next, route, depth + 1)
  if (!isEmpty(next)) return
  if (typeof part === 'string') node.literals.delete(part)
  else node.parameter = undefined
}

type Search = {
  readonly segments: readonly string[]
  readonly head: Head
  readonly address: string
  /** Methods of routes that have its path. */
  allow: Set<string> | undefined
}

/** Text goes before a parameter, and a longer path before a shorter prefix. Each node is looked at once. */
function search<R extends Matcher>(node: Node<R>, asked: Search, depth: number): R | undefined {
  const segment = asked.segments[depth]
  if (segment === undefined) return chosen(node.exact, asked) ?? chosen(node.prefix, asked)
  const next = node.literals.get(segment)
  const found = next === undefined ? undefined : search(next, asked, depth + 1)
  if (found !== undefined) return found
  const other = node.parameter === undefined ? undefined : search(node.parameter, asked, depth + 1)
  return other ?? (node.prefix.length === 0 ? undefined : chosen(node.prefix, asked))
}

function chosen<R extends Matcher>(routes: readonly R[], asked: Search): R | undefined {
  const { head, address } = asked
  for (const route of routes) {
    const { conditions, methods } = route
    if (conditions.length > 0 && !conditions.every((holds) => holds(head, address))) continue
    if (methods === undefined || methods.includes(head.method)) return route
    for (const method of methods) (asked.allow ??= new Set()).add(method)
  }
  return undefined
}

/** In lower case, without its port. */
export function hostOf(host: string): string {
  const colon = host.lastIndexOf(':')
  const name = colon > host.lastIndexOf(']') ? host.slice(0, colon) : host
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()
}
