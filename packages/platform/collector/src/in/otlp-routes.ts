/** OTLP over HTTP, as JSON and as protobuf. Source: OTLP 1.x, "OTLP/HTTP". */
import { PbfWriter } from 'pbf'
import { stored, type Intake } from '../intake.ts'
import { Fault } from '../fault.ts'
import { later, type Answer, type Received, type Route } from '../http.ts'
import { LogsRequest, MetricsRequest, TracesRequest } from './otlp-fields.ts'
import { createSums, logsOf, metricsOf, tracesOf, type Taken } from './otlp.ts'
import { readProtobuf, type Fields } from './protobuf.ts'

const PROTOBUF = 'application/x-protobuf'

export function otlpRoutes(intake: Intake): readonly Route[] {
  const sums = createSums()
  const route = (path: RegExp, fields: Fields, read: (request: unknown, received: number) => Taken, rejected: string): Route => ({
    method: 'POST',
    path,
    answer: async (received) => {
      const type = typeOf(received)
      const body = await received.body()
      const { batch, rejected: count, why } = read(parse(intake, body, type, fields), intake.now())
      await stored(intake, 'otlp', batch)
      if (count > 0) intake.refuse('otlp', count)
      return success(type, count, why, rejected)
    },
    refuse: (fault, received) => refusal(fault, received),
  })
  return [
    route(/^\/v1\/traces$/, TracesRequest, tracesOf, 'rejectedSpans'),
    route(/^\/v1\/logs$/, LogsRequest, logsOf, 'rejectedLogRecords'),
    route(/^\/v1\/metrics$/, MetricsRequest, (request, received) => metricsOf(request, received, sums), 'rejectedDataPoints'),
  ]
}

type Type = 'json' | 'protobuf'

function typeOf({ headers }: Received): Type {
  const type = (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
  if (type === 'application/json') return 'json'
  if (type === PROTOBUF) return 'protobuf'
  throw new Fault(415, 'Cannot read the request: send it as application/json or application/x-protobuf')
}

function parse(intake: Intake, body: Buffer, type: Type, fields: Fields): unknown {
  try {
    if (type === 'protobuf') return readProtobuf(body, fields)
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
    throw new TypeError('it is no object')
  } catch (error) {
    intake.refuse('otlp', 1)
    throw new Fault(400, `Cannot read the request as ${type}: ${(error as Error).message}`)
  }
}

/** `partial_success` is there only when something was not taken. */
function success(type: Type, count: number, why: string, rejected: string): Answer {
  if (type === 'json') {
    const value = count === 0 ? {} : { partialSuccess: { [rejected]: String(count), errorMessage: why } }
    return { status: 200, type: 'application/json', body: JSON.stringify(value) }
  }
  const writer = new PbfWriter()
  if (count > 0)
    writer.writeMessage(
      1,
      (_, partial) => {
        partial.writeVarintField(1, count)
        partial.writeStringField(2, why)
      },
      undefined,
    )
  return { status: 200, type: PROTOBUF, body: writer.finish() }
}

/** google.rpc.Status. */
function refusal({ status, message, retryAfter }: Fault, { headers }: Received): Answer {
  const codes: Readonly<Record<number, number>> = { 400: 3, 401: 16, 403: 7, 404: 5, 413: 3, 415: 3, 429: 8, 503: 14 }
  const code = codes[status] ?? 13
  const isProtobuf = (headers['content-type'] ?? '').startsWith(PROTOBUF)
  if (!isProtobuf)
    return { status, type: 'application/json', body: JSON.stringify({ code, message }), headers: later(retryAfter) }
  const writer = new PbfWriter()
  writer.writeVarintField(1, code)
  writer.writeStringField(2, message)
  return { status, type: PROTOBUF, body: writer.finish(), headers: later(retryAfter) }
}
