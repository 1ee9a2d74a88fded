/** What a consumer has used of a provider, as a pact. */
import { requestWriter } from '@dure/rest/internal'
import type { AnyContract, AnyEvent, AnySchema } from 'dure/contract'
import { routesOf, shown, typeOf, wireOf } from 'dure/contract/internal'
import { pactText, type State, type WrittenInteraction } from '../pact/pact.ts'
import { errorsOf, type Checked } from './interaction.ts'
import { readOf, rulesOf, type Reads } from './reads.ts'

export type Used = {
  readonly interaction: Checked
  /** What was asked, as its caller gave it. */
  readonly input: unknown
  readonly reads: Reads
  /** Calls that the stub has answered, and those of them whose reading was noted. */
  asked: number
  noted: number
}

export type UsedEvent = {
  readonly event: AnyEvent
  readonly data: unknown
  readonly description: string
  readonly states: readonly State[]
  readonly reads: Reads
}

export function pactOf(options: {
  readonly consumer: string
  readonly provider: AnyContract
  readonly test: string | undefined
  readonly calls: readonly Used[]
  readonly events: readonly UsedEvent[]
}): string {
  const { consumer, provider, test } = options
  const calls = options.calls.flatMap((used) => callOf(used, provider, test))
  const events = options.events.map((used) => eventOf(used, test))
  const sorted = [...calls, ...events].sort((a, b) =>
    a.description < b.description ? -1 : a.description > b.description ? 1 : 0,
  )
  return pactText({ consumer, provider: provider.name }, sorted)
}

function callOf(
  { interaction, input, reads, asked, noted }: Used,
  provider: AnyContract,
  test: string | undefined,
): readonly WrittenInteraction[] {
  const { operation, promised, answer, description, states, output } = interaction
  if (answer.kind === 'hang' || answer.kind === 'cut') return []
  const http = promised.bindings.http
  const [route] = routesOf(http)
  if (http === undefined || route === undefined)
    throw new TypeError(
      `Cannot write a pact of "${provider.name}.${operation}": it has no route of HTTP, which a pact tells of; give it one, such as http: 'POST /${operation}'`,
    )
  const written = requestWriter(promised, route)(input)
  if (!written.ok)
    throw new TypeError(
      `Cannot write a pact of "${provider.name}.${operation}": its input cannot be said over HTTP: ${written.issues.map(({ message }) => message).join(', ')}`,
    )
  // Who asked over HTTP may have read anything.
  const read: Reads = noted < asked ? { whole: true, parts: new Map() } : reads
  const query: Record<string, string[]> = {}
  const { pathname, searchParams } = new URL(written.path, 'http://localhost')
  for (const [name, value] of searchParams) (query[name] ??= []).push(value)
  const about = {
    ...{ kind: 'http' as const, description, states, test },
    request: {
      method: route.method,
      path: pathname,
      query,
      body: written.body === undefined ? undefined : (JSON.parse(written.body) as unknown),
    },
  }
  if (answer.kind === 'error') {
    const type = errorsOf(promised).find(({ code }) => code === answer.error.code)!
    const data = expected(type.data, answer.error.data, read, '$.data')
    const body = { code: type.code, ...(data.json !== undefined && { data: data.json }) }
    return [{ ...about, response: { status: type.http, type: 'application/problem+json', body, rules: data.rules } }]
  }
  const body = expected(promised.output as AnySchema | undefined, output, read, '$')
  const type = body.json === undefined ? undefined : 'application/json'
  return [{ ...about, response: { status: http.status, type, body: body.json, rules: body.rules } }]
}

function eventOf({ event, data, description, states, reads }: UsedEvent, test: string | undefined): WrittenInteraction {
  const { json, rules } = expected(event.schema as AnySchema, data, reads, '$')
  return { kind: 'message', description, states, test, metadata: { type: event.name }, contents: json ?? {}, rules }
}

/** Of a value what was read, and what else would do as well. */
function expected(
  schema: AnySchema | undefined,
  value: unknown,
  reads: Reads,
  at: string,
): { readonly json: unknown; readonly rules: Record<string, Readonly<Record<string, unknown>>> } {
  if (schema === undefined || value === undefined) return { json: undefined, rules: {} }
  const json: unknown = JSON.parse(JSON.stringify(wireOf(schema, 'output').toJson(value)))
  if (!reads.whole && reads.parts.size === 0 && typeof json === 'object' && json !== null) return { json: undefined, rules: {} }
  const part = readOf(json, reads)
  return { json: part, rules: { ...rulesOf(part, typeOf(shown(schema, 'output')), at) } }
}
