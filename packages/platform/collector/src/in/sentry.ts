/** What SDKs of Sentry send: envelopes with events, transactions and logs. What is personal in them goes. */
import { createHash } from 'node:crypto'
import { attributesOf, plainValue, shortened } from '../attributes.ts'
import { Fault } from '../fault.ts'
import { fingerprintOf } from '../exceptions.ts'
import { stored, type Intake } from '../intake.ts'
import { json, later, type Route } from '../http.ts'
import { type Attributes, type Batch, type ExceptionRecord, type LogRecord, severityOf, type SpanRecord } from '../record.ts'
import { believed, idOf } from '../time.ts'

type Json = Readonly<Record<string, unknown>>
const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
const listOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(objectOf) : [])
const textOf = (value: unknown, most = 4_096): string => (typeof value === 'string' ? shortened(value, most) : '')

/** Items of an envelope, and frames of a stack, that are looked at. */
const [MOST_ITEMS, MOST_FRAMES] = [1_000, 50]

export function sentryRoutes(intake: Intake): readonly Route[] {
  const refuse: Route['refuse'] = ({ status, message, retryAfter }) => ({
    ...json(status, { detail: message }),
    headers: later(retryAfter),
  })
  const take = async (project: string, items: readonly Item[]): Promise<string> => {
    const batch = batchOf(items, { project, now: intake.now() })
    await stored(intake, 'sentry', batch)
    return textOf(items.find(({ type }) => type === 'event')?.payload['event_id'], 64)
  }
  return [
    {
      method: 'POST',
      path: /^\/api\/([\w-]{1,64})\/envelope\/?$/,
      answer: async (received, [project = '']) => {
        const { items, refused } = readEnvelope(await received.body())
        if (refused > 0) intake.refuse('sentry', refused)
        if (items.length === 0 && refused > 0) throw new Fault(400, 'Cannot read the envelope: its lines are no JSON')
        return json(200, { id: await take(project, items) })
      },
      refuse,
    },
    {
      method: 'POST',
      path: /^\/api\/([\w-]{1,64})\/store\/?$/,
      answer: async (received, [project = '']) => {
        const payload = parse((await received.body()).toString('utf8'))
        if (payload === undefined) throw new Fault(400, 'Cannot read the event: it is no JSON')
        return json(200, { id: await take(project, [{ type: 'event', payload }]) })
      },
      refuse,
    },
  ]
}

type Item = { readonly type: string; readonly payload: Json }

function parse(text: string): Json | undefined {
  try {
    return objectOf(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** A line about the envelope; then of each item a line about it, and its bytes. */
export function readEnvelope(body: Buffer): { readonly items: readonly Item[]; readonly refused: number } {
  const lineFrom = (from: number): readonly [line: Buffer, next: number] => {
    const end = body.indexOf(10, from)
    return end === -1 ? [body.subarray(from), body.length] : [body.subarray(from, end), end + 1]
  }
  const items: Item[] = []
  let refused = 0
  const [first, begin] = lineFrom(0)
  if (parse(first.toString('utf8')) === undefined) return { items, refused: 1 }
  let at = begin
  while (at < body.length && items.length + refused < MOST_ITEMS) {
    let line: Buffer
    ;[line, at] = lineFrom(at)
    if (line.length === 0) continue
    const about = parse(line.toString('utf8'))
    const length = about?.['length']
    let payload: Buffer
    if (typeof length === 'number' && length >= 0) {
      payload = body.subarray(at, at + length)
      at += length + 1
    } else [payload, at] = lineFrom(at)
    const type = textOf(about?.['type'], 64)
    // Sessions, reports, attachments: nothing of these is stored.
    if (type !== 'event' && type !== 'transaction' && type !== 'log') continue
    const value = parse(payload.toString('utf8'))
    if (value === undefined) refused++
    else items.push({ type, payload: value })
  }
  return { items, refused }
}

type About = { readonly project: string; readonly now: number }

export function batchOf(items: readonly Item[], about: About): Partial<Batch> {
  const of = (type: string): readonly Json[] => items.filter((item) => item.type === type).map(({ payload }) => payload)
  const events = of('event')
  return {
    logs: [...events.map((event) => lineOf(event, about)), ...of('log').flatMap((log) => logsOf(log, about))],
    spans: of('transaction').flatMap((transaction) => spansOf(transaction, about)),
    exceptions: events.flatMap((event) => exceptionOf(event, about) ?? []),
  }
}

/** ISO 8601, or seconds since the epoch. */
function timeOf(value: unknown, now: number): number {
  return believed(typeof value === 'number' ? value * 1_000 : Date.parse(textOf(value)), now)
}

function serviceOf(event: Json, project: string): { readonly service: string; readonly version: string } {
  const [, name, version] = /^([^@]+)@(.+)$/.exec(textOf(event['release'], 200)) ?? []
  const tags = tagsOf(event)
  const service = textOf(tags['service.name'], 200) || textOf(tags['service'], 200) || (name ?? `sentry-${project}`)
  return { service, version: version ?? textOf(event['release'], 200) }
}

/** A list of pairs, or an object. */
function tagsOf(event: Json): Attributes {
  const { tags } = event
  return attributesOf(
    Array.isArray(tags) ? Object.fromEntries(tags.filter((pair) => Array.isArray(pair) && pair.length === 2)) : tags,
  )
}

function traceOf(event: Json): { readonly traceId?: string | undefined; readonly spanId?: string | undefined } {
  const trace = objectOf(objectOf(event['contexts'])['trace'])
  return { traceId: idOf(trace['trace_id'], 32), spanId: idOf(trace['span_id'], 16) }
}

/** Neither who the user is, nor headers, cookies, bodies and local variables are taken; only what names the place. */
function about(event: Json): Attributes {
  const { transaction, environment, platform, server_name: host, logger } = event
  return {
    ...attributesOf({ transaction, 'deployment.environment.name': environment, platform, 'host.name': host, logger }),
    ...tagsOf(event),
  }
}

function lineOf(event: Json, { project, now }: About): LogRecord {
  const thrown = thrownOf(event)
  const entry = objectOf(event['logentry'])
  const said = [
    textOf(event['message']),
    textOf(objectOf(event['message'])['formatted']),
    textOf(entry['formatted']),
    textOf(entry['message']),
  ]
  const { service, version } = serviceOf(event, project)
  return {
    time: timeOf(event['timestamp'], now),
    severity: severityOf(event['level'] ?? 'error'),
    service,
    body:
      said.find((text) => text !== '') ??
      (thrown === undefined ? 'An event without a message' : `${thrown.type}: ${thrown.message}`),
    ...traceOf(event),
    attributes: about(event),
    resource: version === '' ? {} : { 'service.version': version },
  }
}

/** The one that was thrown last: others are its causes. */
function thrownOf(event: Json): { readonly type: string; readonly message: string; readonly stack: string } | undefined {
  const { exception } = event
  const thrown = listOf(Array.isArray(exception) ? exception : objectOf(exception)['values']).at(-1)
  if (thrown === undefined) return undefined
  const [type, message] = [textOf(thrown['type'], 200) || 'Error', textOf(thrown['value'])]
  const frames = listOf(objectOf(thrown['stacktrace'])['frames']).slice(-MOST_FRAMES).toReversed()
  const lines = frames.map((frame) => {
    const place = textOf(frame['filename'], 500) || textOf(frame['module'], 500) || '?'
    // What is not the program's own is said to be of its packages, as its place would say.
    const foreign =
      frame['in_app'] === false && !place.includes('node_modules') && !place.startsWith('node:') ? 'node_modules/' : ''
    return `    at ${textOf(frame['function'], 200) || '?'} (${foreign}${place}:${Number(frame['lineno'] ?? 0)}:${Number(frame['colno'] ?? 0)})`
  })
  return { type, message, stack: lines.length === 0 ? '' : [`${type}: ${message}`, ...lines].join('\n') }
}

function exceptionOf(event: Json, { project, now }: About): ExceptionRecord | undefined {
  const thrown = thrownOf(event)
  if (thrown === undefined) return undefined
  const given = Array.isArray(event['fingerprint']) ? event['fingerprint'].map((part) => textOf(part, 200)) : []
  const own = given.length > 0 && !given.includes('{{ default }}')
  const digest = own ? createHash('sha256').update(JSON.stringify(given)).digest('hex').slice(0, 16) : ''
  const group = own ? { fingerprint: `c1:${digest}`, groupedBy: 'as its program says' } : fingerprintOf(thrown)
  return {
    time: timeOf(event['timestamp'], now),
    ...serviceOf(event, project),
    ...thrown,
    ...group,
    ...traceOf(event),
    attributes: about(event),
  }
}

function spansOf(transaction: Json, { project, now }: About): readonly SpanRecord[] {
  const { service, version } = serviceOf(transaction, project)
  const trace = objectOf(objectOf(transaction['contexts'])['trace'])
  const root = {
    ...trace,
    start_timestamp: transaction['start_timestamp'],
    timestamp: transaction['timestamp'],
    description: transaction['transaction'],
  }
  return [root, ...listOf(transaction['spans'])].flatMap((span: Json, i): readonly SpanRecord[] => {
    const [traceId, spanId] = [idOf(span['trace_id'], 32), idOf(span['span_id'], 16)]
    if (traceId === undefined || spanId === undefined) return []
    const start = timeOf(span['start_timestamp'], now)
    const status = textOf(span['status'], 64)
    const op = textOf(span['op'], 200)
    return [
      {
        ...{ traceId, spanId, parentId: idOf(span['parent_span_id'], 16), service, start },
        name: textOf(span['description'], 500) || op || '?',
        kind: i === 0 && op.includes('server') ? 'server' : op.startsWith('http.client') ? 'client' : 'internal',
        duration: Math.max(0, timeOf(span['timestamp'], now) - start),
        failed: status !== '' && status !== 'ok' && status !== 'cancelled',
        ...(status === '' || status === 'ok' ? {} : { message: status }),
        attributes: { ...(op === '' ? {} : { 'sentry.op': op }), ...attributesOf(span['data']) },
        resource: version === '' ? {} : { 'service.version': version },
        ...{ events: [], links: [] },
      },
    ]
  })
}

/** Structured logs. */
function logsOf(log: Json, { project, now }: About): readonly LogRecord[] {
  return listOf(log['items']).map((item) => {
    const attributes = Object.fromEntries(
      Object.entries(objectOf(item['attributes'])).map(([name, value]) => [name, plainValue(objectOf(value)['value'] ?? null)]),
    )
    return {
      time: timeOf(item['timestamp'], now),
      severity: severityOf(item['level']),
      service: serviceOf({ release: attributes['sentry.release'] }, project).service,
      body: textOf(item['body'], 65_536),
      traceId: idOf(item['trace_id'], 32),
      attributes: attributesOf(attributes),
      resource: {},
    }
  })
}
