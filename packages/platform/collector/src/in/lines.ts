/** Lines of JSON, or of text, over HTTP: what programs write on their standard output. */
import { stored, type Intake } from '../intake.ts'
import { type LogRecord, severityOf } from '../record.ts'
import { json, type Route } from '../http.ts'
import { attributesOf, boundedAttributes, LONGEST_BODY, plainValue, shortened } from '../attributes.ts'
import { believed, idOf } from '../time.ts'

/** Lines that are answered by what was wrong with them. */
const MOST_ERRORS = 10

export function linesRoutes(intake: Intake): readonly Route[] {
  return [
    {
      method: 'POST',
      path: /^\/v1\/lines$/,
      answer: async (received) => {
        const service = received.query.get('service') ?? undefined
        const text = (await received.body()).toString('utf8')
        const logs: LogRecord[] = []
        const errors: { line: number; error: string }[] = []
        let rejected = 0
        for (const [i, line] of text.split('\n').entries()) {
          if (line.trim() === '') continue
          const record = lineOf(line, { service, now: intake.now() })
          if ('error' in record) {
            rejected++
            if (errors.length < MOST_ERRORS) errors.push({ line: i + 1, error: record.error })
          } else logs.push(record)
        }
        await stored(intake, 'lines', { logs })
        if (rejected > 0) intake.refuse('lines', rejected)
        return json(200, { taken: logs.length, rejected, errors })
      },
    },
  ]
}

/** A field by its name; `log.level` may be one name, or a name inside another. */
type Place = { readonly name: string; readonly inside: readonly [outer: string, inner: string] | undefined }
const places = (...names: readonly string[]): readonly Place[] =>
  names.map((name) => {
    const [outer = '', inner] = name.split('.')
    return { name, inside: inner === undefined ? undefined : [outer, inner] }
  })

/** Fields that mean the same to those who write logs in JSON: Dure's, pino's, Bunyan's, ECS, Logstash. */
const TEXT = places('message', 'msg', 'body', 'log')
const TIME = places('time', '@timestamp', 'timestamp', 'ts')
const LEVEL = places('level', 'severity', 'log.level', 'loglevel')
const SERVICE = places('service', 'service.name', 'app', 'program', 'name')
const TRACE = places('traceId', 'trace_id', 'trace.id', 'traceid')
const SPAN = places('spanId', 'span_id', 'span.id', 'spanid')

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isTextOrNumber = (value: unknown): boolean => isText(value) || typeof value === 'number'
const isTrace = (value: unknown): boolean => idOf(value, 32) !== undefined
const isSpan = (value: unknown): boolean => idOf(value, 16) !== undefined
const NOBODY: LogRecord['resource'] = {}

/** A line as a record. One that begins with `{` and is no JSON is malformed; any other text is a line as it is. */
export function lineOf(
  line: string,
  { service, now }: { readonly service: string | undefined; readonly now: number },
): LogRecord | { readonly error: string } {
  if (!line.startsWith('{'))
    return {
      ...{ time: now, severity: 9, service: service ?? 'unknown_service', body: shortened(line.trimEnd(), LONGEST_BODY) },
      ...{ attributes: {}, resource: NOBODY },
    }
  try {
    return recordOf(JSON.parse(line) as Readonly<Record<string, unknown>>, { service, now })
  } catch (error) {
    return { error: `it is no JSON: ${(error as Error).message}` }
  }
}

/** An object of a log in JSON as a record. */
export function recordOf(
  fields: Readonly<Record<string, unknown>>,
  { service, now }: { readonly service: string | undefined; readonly now: number },
): LogRecord {
  const used = ['error', 'err']
  const pick = (from: readonly Place[], fits: (value: unknown) => boolean): unknown => {
    for (const place of from) {
      const value = valueAt(fields, place)
      if (!fits(value)) continue
      used.push(place.name)
      return value
    }
    return undefined
  }
  const body = pick(TEXT, isText)
  const said = pick(LEVEL, isTextOrNumber)
  const whose = pick(SERVICE, isText) as string | undefined
  const time = pick(TIME, isTextOrNumber)
  const traceId = idOf(pick(TRACE, isTrace), 32)
  const spanId = idOf(pick(SPAN, isSpan), 16)
  const rest = Object.entries(fields).filter(([name]) => !used.includes(name))
  const error = fields['error'] ?? fields['err']
  const attributes = boundedAttributes(rest, plainValue)
  return {
    time: believed(momentOf(time), now),
    severity: severityOf(said),
    service: shortened(whose ?? service ?? 'unknown_service', 200),
    body: shortened(typeof body === 'string' ? body : JSON.stringify(fields), LONGEST_BODY),
    traceId,
    spanId,
    attributes: error === undefined ? attributes : { ...attributes, ...errorOf(error) },
    resource: NOBODY,
  }
}

function valueAt(fields: Readonly<Record<string, unknown>>, { name, inside }: Place): unknown {
  const value = fields[name]
  if (value !== undefined || inside === undefined) return value
  const within = fields[inside[0]]
  return typeof within === 'object' && within !== null ? (within as Readonly<Record<string, unknown>>)[inside[1]] : undefined
}

/** ISO 8601, or seconds, milliseconds or more since the epoch, told apart by their size. */
function momentOf(time: unknown): number {
  if (typeof time === 'string' && !/^\d+(\.\d+)?$/.test(time)) return Date.parse(time)
  const number = Number(time ?? NaN)
  return number < 1e11 ? number * 1_000 : number < 1e14 ? number : number < 1e17 ? number / 1_000 : number / 1_000_000
}

/** As Dure and pino write it, in OpenTelemetry's names. */
function errorOf(error: unknown): LogRecord['attributes'] {
  if (typeof error === 'string') return { error: shortened(error, 4_096) }
  if (typeof error !== 'object' || error === null) return {}
  const { name, type, message, stack } = error as Readonly<Record<string, unknown>>
  return attributesOf({
    'exception.type': [type, name].find((text) => typeof text === 'string'),
    'exception.message': message,
    'exception.stacktrace': stack,
  })
}
