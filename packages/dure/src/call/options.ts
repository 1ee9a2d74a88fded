import { CallError, MESSAGE_LIMITS, wrongText } from '../contract/contract.ts'
import { LONGEST_WAIT, wrongNumber, type Range } from '../runtime/runtime.ts'
import type { CallOptions } from './context.ts'

const TIMEOUT: Range = { least: -LONGEST_WAIT, most: LONGEST_WAIT, unit: 'milliseconds' }

/** The longest of each text that goes along with a call, in UTF-16 units. */
const TEXTS = {
  idempotencyKey: 255,
  correlationId: MESSAGE_LIMITS.name,
  traceparent: MESSAGE_LIMITS.name,
  tracestate: 8_192,
} as const

/**
 * Why these options of a call cannot be used; undefined when they can. Asked before anything is taken for the call: what
 * only a later place refuses (a timer, a database, the wire) leaves behind what the places before it have taken.
 */
export function refusedOptions(place: string, options: CallOptions): CallError | undefined {
  const { timeout, signal } = options
  if (timeout !== undefined) {
    const wrong = wrongNumber(timeout, TIMEOUT)
    if (wrong !== undefined) return refusal(place, 'timeout', wrong)
  }
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.addEventListener !== 'function')
    return refusal(place, 'signal', 'is no AbortSignal')
  for (const name in TEXTS) {
    const text = options[name as keyof typeof TEXTS]
    const wrong = text === undefined ? undefined : wrongText(text, TEXTS[name as keyof typeof TEXTS])
    if (wrong !== undefined) return refusal(place, name, wrong)
  }
  return undefined
}

function refusal(place: string, option: string, wrong: string): CallError {
  return new CallError('INVALID_ARGUMENT', `Call to ${place} was refused: its option "${option}" ${wrong}`)
}
