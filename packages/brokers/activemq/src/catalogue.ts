import type { Retention } from 'dure/contract'
import type { TopicOptions } from 'dure/messaging'
import { createLookups } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { look } from './browse.ts'
import type { Line } from './line.ts'
import { encodeJson } from './messages.ts'
import type { Names } from './names.ts'
import type { Server } from './server.ts'

export type Topic = {
  readonly name: string
  readonly partitions: number
  /** Milliseconds that a message waits for its groups; Infinity: until they have read it. */
  readonly retention: number
}

/** The topics that are there. The first who writes in a topic's queue has made it, as all see the same order. */
export type Catalogue = {
  readonly declare: (name: string, options?: TopicOptions) => Promise<Topic>
  readonly find: (name: string) => Promise<Topic | undefined>
}

export const DEFAULT_RETENTION: Required<Retention> = { ms: 7 * 86_400_000, bytes: Infinity }
/** The longest that a message can be told to wait. */
const LONGEST = 2 ** 32 - 1

/** `ms` is null when a topic keeps its messages until they are read, and left out by who has not said. */
type Written = { readonly partitions: number; readonly ms?: number | null }

export function createCatalogue(options: {
  readonly line: Line
  /** Writes what is kept: a server that is full holds it up, and not who reads. */
  readonly sending: Line
  readonly server: Server
  readonly names: Names
  readonly runtime: Runtime
  /** Of topics that do not say. */
  readonly partitions: number
}): Catalogue {
  const { line, sending, server, names } = options
  let topics = createLookups<Topic | undefined>()
  // A server that comes back may have lost them.
  line.listen({ opened: () => (topics = createLookups()) })

  const read = async (name: string): Promise<Topic | undefined> => {
    const written = await look<Written>(line, server.queueSource(names.topic(name)))
    if (written.length === 0) return undefined
    const said = written.findLast(({ ms }) => ms !== undefined)?.ms
    const retention = said === undefined ? DEFAULT_RETENTION.ms : (said ?? Infinity)
    return { name, partitions: written[0]!.partitions, retention }
  }
  const find: Catalogue['find'] = async (name) => {
    const known = await topics.known(name)
    if (known !== undefined) return known
    // Looking into a queue makes it.
    if (!(await server.stats()).has(names.topic(name))) return undefined
    const found = read(name)
    return (await found) === undefined ? undefined : topics.keep(name, found)
  }

  const make = async (name: string, { partitions = options.partitions, retention }: TopicOptions): Promise<Topic> => {
    const known = await find(name)
    const wanted = retention?.ms ?? DEFAULT_RETENTION.ms
    const ms = wanted > LONGEST ? Infinity : wanted
    if (known !== undefined && (retention === undefined || known.retention === ms)) return known
    const written: Written = { partitions, ...(retention !== undefined && { ms: ms === Infinity ? null : ms }) }
    await server.ensure([{ name: names.topic(name) }])
    const outlet = await (await sending.wire()).outlet(server.queueTarget(names.topic(name)))
    await outlet.send(encodeJson(written, { durable: true }))
    return (await read(name))!
  }

  return {
    find,
    declare: async (name, request) => {
      const known = request === undefined ? await topics.known(name) : undefined
      return known ?? (await topics.keep(name, make(name, request ?? {})))!
    },
  }
}
