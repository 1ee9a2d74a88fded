import { wrongOf } from 'dure/contract/internal'
import type { OutboxMessage } from 'dure/data'
import { outboxMessage } from 'dure/data/internal'
import { LOG_VERSION } from '../statements.ts'
import { COLUMNS } from '../rows.ts'

/** What can be read of a message in the log, or in words what cannot: anybody may write there under the outbox's name. */
export function readMessage(content: string): OutboxMessage | { readonly unreadable: string } {
  let parts: unknown
  try {
    parts = JSON.parse(content)
  } catch {
    return { unreadable: 'it is no JSON' }
  }
  if (!Array.isArray(parts)) return { unreadable: 'it is no list' }
  const [version, ...values] = parts as readonly unknown[]
  if (version !== LOG_VERSION) {
    const found = typeof version === 'number' ? `it has version ${version}` : 'it has no version'
    return { unreadable: `${found}, and only ${LOG_VERSION} is known` }
  }
  const odd = NAMES.find((name, at) => !fits(name, values[at]))
  if (odd !== undefined) return { unreadable: `its ${odd} is not one` }
  try {
    const message = outboxMessage(values, 0)
    const wrong = wrongOf(message)
    return wrong === undefined ? message : { unreadable: wrong }
  } catch {
    return { unreadable: 'its attributes are no JSON' }
  }
}

const NAMES = COLUMNS.split(', ').slice(1)

function fits(name: string, value: unknown): boolean {
  if (name === 'destination') return value === 'topic' || value === 'queue'
  if (value === null) return name === 'delay' || name === 'causation_id' || name === 'traceparent' || name === 'attributes'
  return typeof value === (name === 'delay' || name === 'time' || name === 'schema_version' ? 'number' : 'string')
}
