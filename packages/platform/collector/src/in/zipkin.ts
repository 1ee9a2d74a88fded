/** Spans as Zipkin's v2 has them, in. Source: zipkin2-api.yaml. */
import { attributesOf, plainValue, shortened } from '../attributes.ts'
import { Fault } from '../fault.ts'
import { stored, type Intake } from '../intake.ts'
import type { Route } from '../http.ts'
import type { SpanKind, SpanRecord } from '../record.ts'
import { believed, idOf } from '../time.ts'

export function zipkinRoutes(intake: Intake): readonly Route[] {
  return [
    {
      method: 'POST',
      path: /^(?:\/zipkin)?\/api\/v2\/spans$/,
      answer: async (received) => {
        const list = parsed(intake, await received.body())
        const spans: SpanRecord[] = []
        for (const one of list) {
          const span = spanOf(one, intake.now())
          if (span === undefined) intake.refuse('zipkin', 1)
          else spans.push(span)
        }
        if (spans.length === 0 && list.length > 0)
          throw new Fault(400, 'Cannot take the spans: none of them has a trace id and an id')
        await stored(intake, 'zipkin', { spans })
        return { status: 202 }
      },
    },
  ]
}

function parsed(intake: Intake, body: Buffer): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(body.toString('utf8'))
    if (Array.isArray(list)) return list
    throw new TypeError('it is no list')
  } catch (error) {
    intake.refuse('zipkin', 1)
    throw new Fault(400, `Cannot read the spans as Zipkin's JSON: ${(error as Error).message}`)
  }
}

type Json = Readonly<Record<string, unknown>>
const KINDS: Readonly<Record<string, SpanKind>> = {
  CLIENT: 'client',
  SERVER: 'server',
  PRODUCER: 'producer',
  CONSUMER: 'consumer',
}

function spanOf(value: unknown, now: number): SpanRecord | undefined {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Json
  // Zipkin's ids may be shorter: what is missing are zeros.
  const padded = (id: unknown, digits: 16 | 32): string | undefined =>
    typeof id === 'string' && id !== '' && id.length <= digits ? idOf(id.padStart(digits, '0'), digits) : undefined
  const [traceId, spanId] = [padded(given['traceId'], 32), padded(given['id'], 16)]
  if (traceId === undefined || spanId === undefined) return undefined
  const serviceOf = (end: unknown): string | undefined => {
    const name = (end as Json | undefined)?.['serviceName']
    return typeof name === 'string' && name !== '' ? shortened(name, 200) : undefined
  }
  const { error, ...tags } = attributesOf(given['tags'])
  const remote = serviceOf(given['remoteEndpoint'])
  const annotations = Array.isArray(given['annotations']) ? (given['annotations'] as readonly Json[]) : []
  return {
    ...{ traceId, spanId, parentId: padded(given['parentId'], 16), name: shortened(String(given['name'] ?? ''), 500) },
    kind: KINDS[String(given['kind'])] ?? 'internal',
    service: serviceOf(given['localEndpoint']) ?? 'unknown_service',
    start: believed(Number(given['timestamp'] ?? NaN) / 1_000, now),
    duration: Math.max(0, Number(given['duration'] ?? 0) / 1_000 || 0),
    failed: error !== undefined,
    ...(error === undefined || error === '' ? {} : { message: shortened(String(error), 500) }),
    attributes: { ...tags, ...(remote === undefined ? {} : { 'peer.service': remote }) },
    resource: {},
    events: annotations.slice(0, 128).map((one) => ({
      time: believed(Number(one?.['timestamp'] ?? NaN) / 1_000, now),
      name: shortened(String(plainValue(one?.['value'] ?? '')), 500),
      attributes: {},
    })),
    links: [],
  }
}
