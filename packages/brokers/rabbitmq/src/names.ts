import { nameFor, type NameRules } from 'dure/messaging/adapter'

const RULES: NameRules = { broker: 'RabbitMQ', allowed: /[A-Za-z0-9._-]/, most: 180 }

/** What topics and queues are called at the server, and back. */
export type Names = {
  /** The log of all processes of this prefix. */
  readonly log: string
  /** The super stream of a topic; its partitions are called so, with `-0`, `-1`, … behind. */
  readonly topic: (name: string) => string
  readonly queue: (name: string) => string
}

export function namesOf(prefix: string): Names {
  return {
    log: `${prefix}.log`,
    topic: (name) => `${prefix}.topic.${nameFor('topic', name, RULES)}`,
    queue: (name) => `${prefix}.queue.${nameFor('queue', name, RULES)}`,
  }
}
