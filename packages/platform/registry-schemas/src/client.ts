/** Asks a schema registry, Dure's or another one with Confluent's REST interface. */
import { httpAddress, inTime, readText, whyFetchFailed } from 'dure/runtime/internal'
import { realRuntime, type Runtime } from 'dure/runtime'
import { SchemaFault } from './fault.ts'
import type { SchemaText } from './levels.ts'

export type RegistryAddress = {
  /** `https://registry.example.com`, with a path where it has one, and `user:password@` where it asks for those. */
  readonly url: string
  /** The value of the header `authorization`, asked for each request. Default: none. */
  readonly authorization?: () => string | Promise<string>
  /** Milliseconds that an answer may take. Default 5,000. */
  readonly timeout?: number
}

export type RegisteredSchema = SchemaText & { readonly id: number; readonly version: number; readonly subject: string }

/** It could not be asked: it is down, frozen, or no registry. */
export class RegistryAway extends Error {
  override readonly name = 'RegistryAway'
}

/** Bytes of an answer. */
const MOST = 16 * 1_048_576
const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json'

/** Each rejects with `SchemaFault` for what the registry refuses, and with `RegistryAway` where it cannot be asked. */
export type SchemaClient = {
  readonly subjects: () => Promise<readonly string[]>
  readonly versions: (subject: string) => Promise<readonly number[]>
  readonly schema: (id: number) => Promise<SchemaText>
  readonly version: (subject: string, version?: number | 'latest') => Promise<RegisteredSchema>
  /** The id of a schema that a subject has already. */
  readonly find: (subject: string, schema: SchemaText) => Promise<number>
  readonly register: (subject: string, schema: SchemaText) => Promise<number>
  /** Why it may not come after the last version, as far as the registry says. */
  readonly check: (
    subject: string,
    schema: SchemaText,
  ) => Promise<{ readonly compatible: boolean; readonly messages: readonly string[] }>
}

/**
 * A client of a registry.
 *
 * @example
 * ```ts
 * import { schemaClient, startSchemaRegistry } from '@dure/registry-schemas'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const { url, stop } = await startSchemaRegistry({ directory: '.schemas/client', port: 0, log: silentLogger() })
 * const client = schemaClient({ url })
 * const id = await client.register('order-value', { type: 'AVRO', text: '"string"' })
 * console.log(id, (await client.schema(id)).text) // → 1 "string"
 * await stop()
 * ```
 */
export function schemaClient(address: RegistryAddress, runtime: Pick<Runtime, 'timers' | 'fetch'> = realRuntime()): SchemaClient {
  const ask = asker(address, runtime)
  const body = ({ type, text }: SchemaText): object => ({ schema: text, ...(type !== 'AVRO' && { schemaType: type }) })
  const under = (subject: string): string => `/subjects/${encodeURIComponent(subject)}`
  const text = ({ schema, schemaType = 'AVRO' }: Answer): SchemaText => ({
    type: schemaType as SchemaText['type'],
    text: String(schema),
  })
  return {
    subjects: async () => (await ask('GET', '/subjects')) as unknown as readonly string[],
    versions: async (subject) => (await ask('GET', `${under(subject)}/versions`)) as unknown as readonly number[],
    schema: async (id) => text(await ask('GET', `/schemas/ids/${id}`)),
    version: async (subject, version = 'latest') => {
      const found = await ask('GET', `${under(subject)}/versions/${version}`)
      return { ...text(found), subject, id: whole(found['id']), version: whole(found['version']) }
    },
    find: async (subject, schema) => whole((await ask('POST', under(subject), body(schema)))['id']),
    register: async (subject, schema) => whole((await ask('POST', `${under(subject)}/versions`, body(schema)))['id']),
    check: async (subject, schema) => {
      const path = `/compatibility${under(subject)}/versions/latest?verbose=true`
      const { is_compatible: compatible, messages } = await ask('POST', path, body(schema))
      return { compatible: compatible === true, messages: Array.isArray(messages) ? messages.map(String) : [] }
    },
  }
}

type Answer = Readonly<Record<string, unknown>>

function whole(value: unknown): number {
  if (Number.isInteger(value)) return value as number
  throw new RegistryAway(`its answer has ${JSON.stringify(value)} where a number is to be`)
}

function asker({ url, authorization, timeout = 5_000 }: RegistryAddress, { timers, fetch }: Pick<Runtime, 'timers' | 'fetch'>) {
  const { base, authorization: own } = httpAddress('schema registry', url)
  const fetched = fetch ?? ((request: Request) => globalThis.fetch(request))
  return async (method: string, path: string, body?: object): Promise<Answer> => {
    const giveUp = new AbortController()
    const asked = async (): Promise<Answer> => {
      const headers = {
        accept: `${MEDIA_TYPE}, application/json`,
        ...(body && { 'content-type': MEDIA_TYPE }),
        ...(authorization === undefined ? own && { authorization: own } : { authorization: await authorization() }),
      }
      const request = new Request(`${base}${path}`, {
        ...{ method, headers, signal: giveUp.signal, redirect: 'error' },
        ...(body && { body: JSON.stringify(body) }),
      })
      const response = await fetched(request)
      return judged(response.status, await read(response))
    }
    const late = (): never => {
      giveUp.abort()
      throw new RegistryAway(`it did not answer within ${timeout} ms`)
    }
    try {
      return await inTime(timers, timeout, asked(), late)
    } catch (cause) {
      if (cause instanceof SchemaFault || cause instanceof RegistryAway) throw cause
      throw new RegistryAway(whyFetchFailed(cause), { cause })
    }
  }
}

function judged(status: number, value: unknown): Answer {
  const { error_code: code, message } = (value ?? {}) as { readonly error_code?: unknown; readonly message?: unknown }
  if (status >= 500 || status === 429) throw new RegistryAway(`it answered ${status}`)
  if (status >= 400)
    throw new SchemaFault(
      Number.isInteger(code) ? (code as number) : status,
      String(message ?? `it answered ${status}`).slice(0, 2_000),
    )
  if (typeof value === 'object' && value !== null) return value as Answer
  throw new RegistryAway('what answers there is no schema registry: its answer is not JSON')
}

/** Undefined when it is not JSON. */
async function read(response: Response): Promise<unknown> {
  const text = await readText(response, MOST)
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
