import type { Retention } from 'dure/contract'
import type { TopicOptions } from 'dure/messaging'
import { createLookups } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Connection } from './connection.ts'
import { keyPart } from './entries.ts'
import { DECLARE, LIST } from './scripts/topics.ts'

export type Topic = {
  readonly name: string
  readonly key: string
  readonly partitions: number
  /** Milliseconds. */
  readonly retention: number
  /** Its own, until its data are lost. */
  readonly identity: string
}

/** The topics that are there, made where they are not. */
export type Catalogue = {
  readonly declare: (name: string, options?: TopicOptions) => Promise<Topic>
  readonly find: (name: string) => Promise<Topic | undefined>
  readonly all: (action: string) => Promise<readonly Topic[]>
  /** Looks at it afresh the next time. */
  readonly forget: (name: string) => void
}

export const DEFAULT_RETENTION: Required<Retention> = { ms: 7 * 86_400_000, bytes: 1024 ** 3 }

export function createCatalogue(options: {
  readonly connection: Connection
  readonly runtime: Runtime
  readonly prefix: string
  /** Of topics that do not say. */
  readonly partitions: number
}): Catalogue {
  const { connection, runtime, prefix } = options
  const index = `${prefix}:topics`
  const topics = createLookups<Topic>()
  const keyOf = (name: string): string => `${prefix}:topic:{${keyPart(name)}}`
  const topicFrom = (name: string, [partitions, ms, identity]: readonly (string | null)[]): Topic => {
    return { name, key: keyOf(name), partitions: Number(partitions), retention: Number(ms), identity: String(identity) }
  }

  const make = async (name: string, { partitions = options.partitions, retention }: TopicOptions): Promise<Topic> => {
    const action = `declare topic "${name}"`
    await connection.run(action, LIST, [index], [name])
    const { ms, bytes } = { ...DEFAULT_RETENTION, ...retention }
    const values = [partitions, ms, bytes, retention === undefined ? 0 : 1, runtime.ids.next()]
    return topicFrom(name, await connection.run<string[]>(action, DECLARE, [keyOf(name)], values))
  }

  const find: Catalogue['find'] = async (name) => {
    const known = topics.known(name)
    if (known !== undefined) return known
    const words = ['HMGET', keyOf(name), 'partitions', 'ms', 'id']
    const fields = await connection.command<(string | null)[]>(`find topic "${name}"`, words)
    return fields[0] === null ? undefined : topics.keep(name, Promise.resolve(topicFrom(name, fields)))
  }

  return {
    declare: (name, request) =>
      request === undefined ? topics.find(name, () => make(name, {})) : topics.keep(name, make(name, request)),
    find,
    all: async (action) => {
      const names = await connection.command<string[]>(action, ['SMEMBERS', index])
      return (await Promise.all(names.map(find))).filter((one) => one !== undefined)
    },
    forget: topics.forget,
  }
}
