import { wrongOf } from 'dure/contract/internal'
import type { OutboxMessage } from 'dure/data'

/** How messages look inside the log, where there is no table: their own version first, so that it may change. */
const VERSION = 1

export function payloadOf(messages: readonly OutboxMessage[]): string {
  return JSON.stringify([VERSION, ...messages])
}

/** What can be read of a piece of the log, and in words what cannot: anybody may write there under the service's prefix. */
export type Payload = { readonly messages: readonly OutboxMessage[]; readonly unreadable: readonly string[] }

export function readPayload(content: string): Payload {
  let parts: unknown
  try {
    parts = JSON.parse(content)
  } catch {
    return { messages: [], unreadable: ['it is no JSON'] }
  }
  if (!Array.isArray(parts)) return { messages: [], unreadable: ['it is no list of messages'] }
  const [version, ...given] = parts as readonly unknown[]
  if (version !== VERSION) {
    const found = typeof version === 'number' ? `it has version ${version}` : 'it has no version'
    return { messages: [], unreadable: [`${found}, and only ${VERSION} is known`] }
  }
  const wrong = given.map(wrongWith)
  return {
    messages: given.filter((_, at) => wrong[at] === undefined) as readonly OutboxMessage[],
    unreadable: wrong.filter((words) => words !== undefined),
  }
}

function wrongWith(given: unknown): string | undefined {
  if (typeof given !== 'object' || given === null) return 'it is no message'
  const { data, destination } = given as Partial<OutboxMessage>
  if (typeof data !== 'string') return 'its data are no text'
  if (destination !== 'topic' && destination !== 'queue') return 'it has no destination'
  return wrongOf(given as OutboxMessage)
}

/** What marks the messages of a service. */
export function prefixOf(service: string): string {
  return `dure.outbox/${service}`
}
