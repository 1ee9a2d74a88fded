import type { OutboxMessage } from 'dure/data'

/** How messages look inside the log, where there is no table: their own version first, so that it may change. */
const VERSION = 1

export function payloadOf(messages: readonly OutboxMessage[]): string {
  return JSON.stringify([VERSION, ...messages])
}

/** @throws when it was not written by `payloadOf`, which must not be passed over */
export function messagesIn(content: string): readonly OutboxMessage[] {
  const [version, ...messages] = JSON.parse(content) as [number, ...OutboxMessage[]]
  if (version !== VERSION) throw new Error(`a message in the log has version ${String(version)}, and only ${VERSION} is known`)
  return messages
}

/** What marks the messages of a service. */
export function prefixOf(service: string): string {
  return `dure.outbox/${service}`
}
