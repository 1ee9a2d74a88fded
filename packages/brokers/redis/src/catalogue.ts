import { CallError, type Retention } from 'dure/contract'
import type { TopicOptions } from 'dure/messaging'
import { BROKER_NUMBERS, checkName, checkOptions } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Connection } from './connection.ts'
import { keyPart } from './entries.ts'
import { DECLARE, LIST } from './scripts.ts'

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
  /** @throws {CallError} NOT_FOUND naming the topic */
  readonly need: (name: string) => Promise<Topic>
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
  const topics = new Map<string, Promise<Topic>>()
  const keyOf = (name: string): string => `${prefix}:topic:{${keyPart(name)}}`
  const topicFrom = (name: string, [partitions, ms, identity]: readonly (string | null)[]): Topic => {
    return { name, key: keyOf(name), partitions: Number(partitions), retention: Number(ms), identity: String(identity) }
  }

  /** Two who name a topic at once wait for the same answer, so that neither overtakes the other. */
  const keep = (name: string, found: Promise<Topic>): Promise<Topic> => {
    topics.set(name, found)
    found.catch(() => topics.get(name) === found && topics.delete(name))
    return found
  }

  const make = async (name: string, { partitions = options.partitions, retention }: TopicOptions): Promise<Topic> => {
    checkName('topic', name)
    const action = `declare topic "${name}"`
    checkOptions(action, { partitions }, BROKER_NUMBERS.topic)
    checkOptions(`${action} with this retention`, retention ?? {}, BROKER_NUMBERS.retention)
    await connection.run(action, LIST, [index], [name])
    const { ms, bytes } = { ...DEFAULT_RETENTION, ...retention }
    const values = [partitions, ms, bytes, retention === undefined ? 0 : 1, runtime.ids.next()]
    return topicFrom(name, await connection.run<string[]>(action, DECLARE, [keyOf(name)], values))
  }

  const find: Catalogue['find'] = async (name) => {
    const known = topics.get(name)
    if (known !== undefined) return known
    const fields = await connection.command<(string | null)[]>(`find topic "${name}"`, [
      'HMGET',
      keyOf(name),
      'partitions',
      'ms',
      'id',
    ])
    return fields[0] === null ? undefined : keep(name, Promise.resolve(topicFrom(name, fields)))
  }

  return {
    declare: (name, request) => {
      const known = request === undefined ? topics.get(name) : undefined
      return known ?? keep(name, make(name, request ?? {}))
    },
    find,
    need: async (name) => {
      const found = await find(name)
      if (found !== undefined) return found
      throw new CallError('NOT_FOUND', `Cannot find topic "${name}": nobody has declared it or published to it`)
    },
    all: async (action) => {
      const names = await connection.command<string[]>(action, ['SMEMBERS', index])
      return (await Promise.all(names.map(find))).filter((one) => one !== undefined)
    },
    forget: (name) => void topics.delete(name),
  }
}
