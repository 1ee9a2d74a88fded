/** Lines of JSON, or of text, over HTTP: what programs write on their standard output. */
import { stored, type Intake } from '../intake.ts'
import { type LogRecord, severityOf } from '../record.ts'
import { json, type Route } from '../http.ts'
import { attributesOf, LONGEST_BODY, shortened } from '../attributes.ts'
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

/** Fields that mean the same to those who write logs in JSON: Dure's, pino's, Bunyan's, ECS, Logstash. */
const TEXT = ['message', 'msg', 'body', 'log']
const TIME = ['time', '@timestamp', 'timestamp', 'ts']
const LEVEL = ['level', 'severity', 'log.level', 'loglevel']
const SERVICE = ['service', 'service.name', 'app', 'program', 'name']
const TRACE = ['traceId', 'trace_id', 'trace.id', 'traceid']
const SPAN = ['spanId', 'span_id', 'span.id', 'spanid']

/** A line as a record. One that begins with `{` and is no JSON is malformed; any other text is a line as it is. */
export function lineOf(
  line: string,
  { service, now }: { readonly service: string | undefined; readonly now: number },
): LogRecord | { readonly error: string } {
  if (!line.startsWith('{'))
    return {
      ...{ time: now, severity: 9, service: service ?? 'unknown_service', body: shortened(line.trimEnd(), LONGEST_BODY) },
      ...{ attributes: {}, resource: {} },
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
  const used = new Set<string>()
  const pick = (names: readonly string[], fits: (value: unknown) => boolean): unknown => {
    const name = names.find((each) => fits(valueAt(fields, each)))
    if (name !== undefined) used.add(name)
    return name === undefined ? undefined : valueAt(fields, name)
  }
  const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
  const body = pick(TEXT, isText)
  const said = pick(LEVEL, (value) => isText(value) || typeof value === 'number')
  const whose = pick(SERVICE, isText) as string | undefined
  const time = pick(TIME, (value) => isText(value) || typeof value === 'number')
  const traceId = idOf(
    pick(TRACE, (value) => idOf(value, 32) !== undefined),
    32,
  )
  const spanId = idOf(
    pick(SPAN, (value) => idOf(value, 16) !== undefined),
    16,
  )
  const { error, err, ...rest } = Object.fromEntries(Object.entries(fields).filter(([name]) => !used.has(name)))
  return {
    time: believed(momentOf(time), now),
    severity: severityOf(said),
    service: shortened(whose ?? service ?? 'unknown_service', 200),
    body: shortened(typeof body === 'string' ? body : JSON.stringify(fields), LONGEST_BODY),
    traceId,
    spanId,
    attributes: { ...attributesOf(rest), ...errorOf(error ?? err) },
    resource: {},
  }
}

/** `log.level` may be one name, or a name inside another. */
function valueAt(fields: Readonly<Record<string, unknown>>, name: string): unknown {
  if (fields[name] !== undefined || !name.includes('.')) return fields[name]
  const [outer, inner] = name.split('.') as [string, string]
  const within = fields[outer]
  return typeof within === 'object' && within !== null ? (within as Readonly<Record<string, unknown>>)[inner] : undefined
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
