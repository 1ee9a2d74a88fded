import { nameFor, type NameRules } from 'dure/messaging/adapter'

const RULES: NameRules = { broker: 'NATS', allowed: /[A-Za-z0-9_-]/, most: 200 }

/** Where everything of one prefix is on the server. */
export type Names = {
  readonly prefix: string
  readonly stream: (what: 'topic' | 'queue', name: string) => string
  /** The first part of the subjects of a topic or queue: `.0` is its first partition. */
  readonly subject: (what: 'topic' | 'queue', name: string) => string
  readonly groupsStream: string
  /** A group on a topic: the subject of its record. */
  readonly group: (topic: string, group: string) => string
  /** The subject on which its members tell that they are alive. */
  readonly beat: (topic: string, group: string) => string
  readonly consumer: (group: string, partition: number, epoch: number, turn: number) => string
}

export function namesOf(prefix: string): Names {
  return {
    prefix,
    stream: (what, name) => `${prefix}-${what}-${nameFor(what, name, RULES)}`,
    subject: (what, name) => `${prefix}.${what}.${nameFor(what, name, RULES)}`,
    groupsStream: `${prefix}-groups`,
    group: (topic, group) => `${prefix}.group.${nameFor('topic', topic, RULES)}.${nameFor('group', group, RULES)}`,
    beat: (topic, group) => `${prefix}.member.${nameFor('topic', topic, RULES)}.${nameFor('group', group, RULES)}`,
    consumer: (group, partition, epoch, turn) => `${nameFor('group', group, RULES)}-${partition}-${epoch}-${turn}`,
  }
}
