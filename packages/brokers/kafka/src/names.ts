import { nameFor, nameFrom } from 'dure/messaging/adapter'

type Kind = 'topic' | 'queue' | 'group'

/** Names here, and what Kafka calls them. Those of topics stay as they are, as far as Kafka allows; a queue's begins with `queue.` */
export type Names = {
  readonly topic: (name: string) => string
  /** The topic of a queue, and the group of its receivers. */
  readonly queue: (name: string) => string
  readonly group: (name: string) => string
  /** What it is called here, and which kind it is; undefined: it is none of ours. */
  readonly read: (name: string) => { readonly name: string; readonly isQueue: boolean } | undefined
}

const QUEUE = 'queue.'
const TOPICS = { broker: 'Kafka', allowed: /[A-Za-z0-9._-]/, most: 249 }
const GROUPS = { broker: 'Kafka', allowed: /[^]/u, most: 1_000 }

export function createNames(prefix: string): Names {
  const written = (kind: Kind, name: string, rules: typeof TOPICS): string => {
    const text = nameFor(kind, name, { ...rules, most: rules.most - prefix.length - QUEUE.length })
    // One that begins as a queue's does is written otherwise, and read back the same.
    return text.startsWith(QUEUE) ? `_x71_${text.slice(1)}` : text
  }
  return {
    topic: (name) => prefix + written('topic', name, TOPICS),
    queue: (name) => `${prefix}${QUEUE}${written('queue', name, TOPICS)}`,
    group: (name) => prefix + written('group', name, GROUPS),
    read: (name) => {
      if (!name.startsWith(prefix)) return undefined
      const own = name.slice(prefix.length)
      const isQueue = own.startsWith(QUEUE)
      return { name: nameFrom(isQueue ? own.slice(QUEUE.length) : own), isQueue }
    },
  }
}
