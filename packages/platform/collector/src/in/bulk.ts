/** Elasticsearch's `_bulk`, as far as those need it who send logs: each line of its own is answered by itself. */
import { Fault } from '../fault.ts'
import { json, later, type Answer, type Route } from '../http.ts'
import { stored, type Intake } from '../intake.ts'
import type { LogRecord } from '../record.ts'
import { recordOf } from './lines.ts'

/** What some clients want to see before they send anything. */
const PRODUCT = { 'x-elastic-product': 'Elasticsearch' }
const HELLO = {
  ...{ name: 'dure', cluster_name: 'dure', cluster_uuid: 'dure-collector' },
  version: { number: '8.17.0', build_flavor: 'default', lucene_version: '9.12.0', minimum_wire_compatibility_version: '7.17.0' },
  tagline: 'You Know, for Search',
}

export function bulkRoutes(intake: Intake): readonly Route[] {
  const bulk = (method: string): Route => ({
    method,
    path: /^(?:\/([^/]+))?\/_bulk\/?$/,
    answer: async (received, [index]) => answered(intake, await received.body(), index === '' ? undefined : index),
    refuse,
  })
  return [{ method: 'GET', path: /^\/$/, answer: () => ({ ...json(200, HELLO), headers: PRODUCT }) }, bulk('POST'), bulk('PUT')]
}

type Item = Readonly<Record<string, { readonly _index: string; readonly _id: string; readonly status: number } & Partial<Bad>>>
type Bad = { readonly error: { readonly type: string; readonly reason: string } }

async function answered(intake: Intake, body: Buffer, index: string | undefined): Promise<Answer> {
  const began = intake.now()
  const { items, logs } = itemsOf(body, { index, now: began })
  const refused = items.filter((item) => Object.values(item)[0]!.status >= 400).length
  if (items.length === 0) throw new Fault(400, 'Cannot read the request: it has no line of an action')
  await stored(intake, 'bulk', { logs })
  if (refused > 0) intake.refuse('bulk', refused)
  return { ...json(200, { took: Math.max(0, Math.round(intake.now() - began)), errors: refused > 0, items }), headers: PRODUCT }
}

/** Whole lines two by two: what is to be done, and with what. */
function itemsOf(
  body: Buffer,
  { index, now }: { readonly index: string | undefined; readonly now: number },
): { readonly items: readonly Item[]; readonly logs: readonly LogRecord[] } {
  const items: Item[] = []
  const logs: LogRecord[] = []
  const lines = linesOf(body)
  // Most of them say the same.
  let before = ''
  let said: ReturnType<typeof actionOf> = ['unknown', {}]
  for (const line of lines) {
    if (line !== before) said = actionOf((before = line))
    const [action, about] = said
    const item = { _index: about['_index'] ?? index ?? 'logs', _id: about['_id'] ?? `${now}-${items.length}` }
    const add = (status: number, error?: Bad['error']): void =>
      void items.push({ [action]: { ...item, status, ...(error && { error }) } })
    const bad = (reason: string): void => add(400, { type: 'mapper_parsing_exception', reason })
    if (action === 'delete') bad('what was logged is not taken back')
    else if (action !== 'index' && action !== 'create') {
      bad('the line of its action cannot be read')
      // Of an action that is known the next line is its document.
      if (action === 'update') lines.next()
    } else {
      const document = lines.next()
      if (document.done === true) bad('its document is missing')
      else {
        try {
          logs.push(recordOf(objectOf(document.value), { service: item._index, now }))
          add(201)
        } catch (error) {
          bad((error as Error).message)
        }
      }
    }
  }
  return { items, logs }
}

function* linesOf(body: Buffer): Generator<string, undefined> {
  for (let from = 0; from < body.length;) {
    const end = body.indexOf(10, from)
    const to = end === -1 ? body.length : end
    const line = body.toString('utf8', from, to)
    from = to + 1
    if (line.trim() !== '') yield line
  }
}

function actionOf(line: string): readonly [action: string, about: Readonly<Record<string, string | undefined>>] {
  try {
    const [[action, about] = ['unknown', {}]] = Object.entries(objectOf(line))
    const { _index, _id } = (about ?? {}) as Readonly<Record<string, unknown>>
    const text = (value: unknown): string | undefined => (typeof value === 'string' ? value.slice(0, 200) : undefined)
    return [
      ['index', 'create', 'update', 'delete'].includes(action) ? action : 'unknown',
      { _index: text(_index), _id: text(_id) },
    ]
  } catch {
    return ['unknown', {}]
  }
}

function objectOf(line: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(line)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
  throw new TypeError('it is no object')
}

function refuse({ status, message, retryAfter }: Fault): Answer {
  const type =
    status === 429
      ? 'es_rejected_execution_exception'
      : status === 413
        ? 'content_too_long_exception'
        : status === 401 || status === 403
          ? 'security_exception'
          : status < 500
            ? 'parse_exception'
            : 'unavailable_shards_exception'
  return {
    ...json(status, { error: { type, reason: message, root_cause: [{ type, reason: message }] }, status }),
    headers: { ...PRODUCT, ...later(retryAfter) },
  }
}
