import { CallError } from '../contract/contract.ts'
import { MESSAGE_LIMITS, wrongText } from '../contract/internal.ts'
import { LONGEST_WAIT, wrongNumber, type Range } from '../runtime/internal.ts'
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
  const { timeout, signal, idempotencyKey, correlationId, traceparent, tracestate } = options
  if (timeout !== undefined) {
    const wrong = wrongNumber(timeout, TIMEOUT)
    if (wrong !== undefined) return refusal(place, 'timeout', wrong)
  }
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.addEventListener !== 'function')
    return refusal(place, 'signal', 'is no AbortSignal')
  // One by one, for every call comes by here.
  return (
    badText(place, 'idempotencyKey', idempotencyKey) ??
    badText(place, 'correlationId', correlationId) ??
    badTrace(place, 'traceparent', traceparent) ??
    badTrace(place, 'tracestate', tracestate)
  )
}

function badText(place: string, option: keyof typeof TEXTS, text: unknown): CallError | undefined {
  if (text === undefined) return undefined
  const wrong = wrongText(text, TEXTS[option])
  return wrong === undefined ? undefined : refusal(place, option, wrong)
}

/** Trace context that cannot be one is dropped where it is read, as W3C asks: here only its size counts. */
function badTrace(place: string, option: 'traceparent' | 'tracestate', text: unknown): CallError | undefined {
  return text === undefined || (typeof text === 'string' && text.length > 0 && text.length <= TEXTS[option])
    ? undefined
    : badText(place, option, text)
}

function refusal(place: string, option: string, wrong: string): CallError {
  return new CallError('INVALID_ARGUMENT', `Call to ${place} was refused: its option "${option}" ${wrong}`)
}
