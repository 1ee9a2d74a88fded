/** Exceptions in what comes: those that logs and spans tell of, grouped by what they have in common. */
import { createHash } from 'node:crypto'
import type { Attributes, Batch, ExceptionRecord, LogRecord, SpanRecord } from './record.ts'

/** Frames of a stack that tell one group from another. */
const FRAMES = 5
/** Exceptions that are known to have been counted: a failure is told of by each span that it passes. */
const KNOWN = 10_000
/** Milliseconds within which the same failure of one trace is the same. */
const SAME = 10_000
/** How fingerprints begin that services of Dure make: each span that a failure passes tells of it, and so does a line. */
const OWN = 'v1:'

export type FindExceptions = (batch: Batch) => readonly ExceptionRecord[]

export function createExceptions(): FindExceptions {
  const known = new Set<string>()
  const isNew = ({ fingerprint, traceId, time }: ExceptionRecord): boolean => {
    // Others tell of each exception once, by an event of a span or of their own.
    if (traceId === undefined || !fingerprint.startsWith(OWN)) return true
    const key = `${fingerprint} ${traceId} ${Math.floor(time / SAME)}`
    if (known.has(key)) return false
    known.add(key)
    if (known.size > KNOWN) known.delete(known.values().next().value!)
    return true
  }
  return ({ logs, spans, exceptions }) => {
    const found = [...exceptions]
    for (const log of logs) if (isTold(log.attributes)) found.push(exceptionOf(log, log.time, log.attributes))
    for (const span of spans) {
      const events = span.events.filter(({ attributes }) => isTold(attributes))
      for (const { time, attributes } of events) found.push(exceptionOf(span, time, attributes))
      if (events.length === 0 && isTold(span.attributes))
        found.push(exceptionOf(span, span.start + span.duration, span.attributes))
    }
    return found.filter(isNew)
  }
}

const isTold = (attributes: Attributes): boolean =>
  typeof attributes['exception.type'] === 'string' || typeof attributes['exception.message'] === 'string'

function exceptionOf(of: LogRecord | SpanRecord, time: number, attributes: Attributes): ExceptionRecord {
  const text = (name: string): string => (typeof attributes[name] === 'string' ? attributes[name] : '')
  const said = {
    type: text('exception.type') || 'Error',
    message: text('exception.message'),
    stack: text('exception.stacktrace'),
  }
  const given = text('dure.exception.fingerprint')
  const group =
    given === ''
      ? fingerprintOf(said)
      : { fingerprint: given, groupedBy: text('dure.exception.grouped_by') || 'as its service says' }
  const { service, resource, traceId, spanId } = of
  const rest = Object.fromEntries(Object.entries(attributes).filter(([name]) => !/^(dure\.)?exception\./.test(name)))
  return {
    time,
    service,
    version: String(resource['service.version'] ?? ''),
    ...said,
    ...group,
    traceId,
    spanId,
    attributes: rest,
  }
}

/**
 * What an exception has in common with others, where its service says nothing of that: its type and its own frames without
 * their lines; without frames the shape of its message.
 */
export function fingerprintOf(said: { readonly type: string; readonly message: string; readonly stack: string }): {
  readonly fingerprint: string
  readonly groupedBy: string
} {
  const frames = framesOf(said.stack)
  const own = frames.filter((frame) => !FOREIGN.test(frame))
  const used = (own.length > 0 ? own : frames).slice(0, FRAMES)
  const parts = used.length > 0 ? [said.type, ...used] : [said.type, shapeOf(said.message)]
  const digest = createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16)
  const groupedBy = used.length === 0 ? 'type and shape of the message' : `type and ${own.length > 0 ? 'own frames' : 'frames'}`
  return { fingerprint: `c1:${digest}`, groupedBy }
}

const FOREIGN =
  /node:|node_modules|site-packages|dist-packages|\/lib\/python|^(java|javax|jdk|sun|org\.springframework|io\.netty)\./

/** Of JavaScript, Java and Python: function and file, without lines and columns, the innermost first. */
function framesOf(stack: string): readonly string[] {
  const python = [...stack.matchAll(/^\s*File "([^"]+)", line \d+, in (.+)$/gm)].map(([, file, name]) => `${name} ${file}`)
  if (python.length > 0) return python.toReversed()
  return [...stack.matchAll(/^\s*at (.+)$/gm)].map(([, frame]) => frame!.replaceAll(/:\d+/g, '').replaceAll(/\?[^)\s]*/g, ''))
}

/** A message without what changes from one time to the next. */
function shapeOf(message: string): string {
  return message
    .slice(0, 1_000)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/gi, '?')
    .replaceAll(/"[^"]*"|'[^']*'/g, '?')
    .replaceAll(/\b(?=[0-9a-f]*\d)[0-9a-f]{6,}\b/gi, '?')
    .replaceAll(/\d+/g, '?')
}
