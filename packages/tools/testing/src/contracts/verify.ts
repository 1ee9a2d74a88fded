import type { AnyEvent } from 'dure/contract'
import { wireOf } from 'dure/contract/internal'
import type { DatabaseOf } from 'dure/data'
import type { Service, ServiceContext, StoreAdapter } from 'dure/service'
import type { Fake, TestSystem } from '../component/component.ts'
import {
  matchMessage,
  matchResponse,
  type HttpInteraction,
  type Interaction,
  type MessageInteraction,
  type Mismatch,
} from '../pact/pact.ts'
import { readPacts } from './files.ts'
import { providerAt, type Provider } from './provider.ts'
import { requestOf } from './sending.ts'

export type { Mismatch } from '../pact/pact.ts'

/** What states and messages have of the service: what its handlers have. */
export type StateContext<Tables = never> = ServiceContext & {
  /** The service's own database; undefined where it has none, or is elsewhere. */
  readonly database: DatabaseOf<Tables, {}>
}

export type VerifyOptions<Tables = never> = {
  /** Files, and folders of files. Those of other providers are left alone. */
  readonly pacts: string | readonly string[]
  /**
   * What has the service be as consumers expect it, by the names that they give: changes its data, and answers what a consumer takes from there.
   */
  readonly states?: Readonly<
    Record<
      string,
      (
        context: StateContext<Tables>,
        params: Readonly<Record<string, unknown>>,
      ) => Promise<Readonly<Record<string, unknown>> | void> | Readonly<Record<string, unknown>> | void
    >
  >
  /** What has the service announce an event, by the name of the event or the description of the interaction. */
  readonly messages?: Readonly<Record<string, (context: StateContext<Tables>) => Promise<unknown> | unknown>>
  /** `process` (default): requests are given to its door without a socket. `door`: over HTTP. */
  readonly through?: 'process' | 'door'
  /** Headers of each request, beside its own: `authorization`, … */
  readonly headers?: Readonly<Record<string, string>>
  /** Services that it needs. */
  readonly fakes?: readonly Fake[]
  readonly database?: StoreAdapter
  /** Of the provider, as results name it. Default: that of its contract. */
  readonly version?: string
}

/** A provider that is somewhere else; its states are what `states` does about it. */
export type ProviderAt = { readonly url: string; readonly name: string; readonly version?: string }

export type VerifiedInteraction = {
  readonly consumer: string
  readonly interaction: string
  /** The test that it comes from, as far as the pact says. */
  readonly test: string | undefined
  /** Its failure fails nobody. */
  readonly pending: boolean
  readonly failures: readonly Mismatch[]
}

export type Verification = {
  readonly provider: string
  readonly version: string
  readonly ok: boolean
  readonly interactions: readonly VerifiedInteraction[]
  /** What was read: results are about these bytes. */
  readonly pacts: readonly { readonly file: string; readonly sha256: string; readonly consumer: string; readonly ok: boolean }[]
}

/**
 * Has a provider do what its consumers' pacts expect of it, and says where it does not.
 * @param provider a service, which runs for this in a folder of its own; or where one runs: `{ url, name }`
 * @throws {PactError} for a pact that cannot be read, and when there is none for the provider
 *
 * @example
 * ```ts
 * import { consumerTest, describeVerification, interaction, verifyContracts } from '@dure/testing/contracts'
 * import { contract, query } from 'dure/contract'
 * import { service } from 'dure/service'
 * import { mkdtempSync, writeFileSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { z } from 'zod'
 *
 * const of = query({ input: z.object({ sku: z.string() }), output: z.object({ cents: z.int() }), http: 'GET /prices/{sku}' })
 * const Prices = contract('prices', { version: '1.0.0', owner: 'team-prices', operations: { of } })
 * const prices = service(Prices, { handlers: { of: ({ sku }) => ({ cents: sku.length * 100 }) } })
 * const tea = interaction(Prices, 'of', { input: { sku: 'tea' }, output: { cents: 250 } })
 *
 * await using test = await consumerTest('label-printer', { provider: Prices, interactions: [tea] })
 * await test.provider.of({ sku: 'tea' }).then(({ cents }) => cents)
 * const file = join(mkdtempSync(join(tmpdir(), 'pacts-')), 'label-printer.json')
 * writeFileSync(file, test.pact())
 * console.log(describeVerification(await verifyContracts(prices, { pacts: file }))) // → prices 1.0.0 does what 1 interaction of label-printer expects.
 * ```
 */
export async function verifyContracts<Tables = never>(
  provider: Service | ProviderAt,
  options: VerifyOptions<Tables>,
): Promise<Verification> {
  const at = 'url' in provider ? provider : undefined
  const { name, version } = 'url' in provider ? provider : provider.contract
  const places = [options.pacts].flat() as readonly string[]
  const files = readPacts(places).filter(({ pact }) => pact.provider === name)
  if (files.length === 0)
    throw new TypeError(
      `Cannot verify "${name}": there is no pact of this provider in ${places.map((one) => `"${one}"`).join(', ')}`,
    )
  const subject = at === undefined ? await open(provider as Service, options) : providerAt(at.url)
  try {
    const interactions: VerifiedInteraction[] = []
    const pacts: Verification['pacts'][number][] = []
    for (const { file, sha256, pact } of files) {
      const { consumer } = pact
      const own: VerifiedInteraction[] = []
      // One after another: each has states of its own.
      for (const one of pact.interactions)
        own.push({
          consumer,
          interaction: one.description,
          test: one.test,
          pending: one.pending,
          failures: await verify(one, subject, options),
        })
      interactions.push(...own)
      pacts.push({ file, sha256, consumer, ok: own.every(isFine) })
    }
    return {
      ...{ provider: name, version: options.version ?? version ?? 'unknown', interactions, pacts },
      ok: interactions.every(isFine),
    }
  } finally {
    await subject.stop()
  }
}

/** What runs a service is loaded when there is one to run: a provider elsewhere is only asked. */
async function open<Tables>(provider: Service, options: VerifyOptions<Tables>): Promise<Provider> {
  const { openProvider } = await import('./provider-run.ts')
  return openProvider(provider, options)
}

function isFine({ failures, pending }: VerifiedInteraction): boolean {
  return failures.length === 0 || pending
}

/**
 * A verification in words: whom a failure is about, which interaction, which field, and what was expected and came.
 *
 * @example
 * ```ts
 * import { describeVerification } from '@dure/testing/contracts'
 *
 * const failures = [{ where: 'body $.cents', expected: 'a whole number', got: '"250"' }]
 * const of = { consumer: 'label-printer', interaction: 'of, given tea has a price', test: 'prints a label', pending: false, failures }
 * const text = describeVerification({ provider: 'prices', version: '1.1.0', ok: false, interactions: [of], pacts: [] })
 * console.log(text.split('\n')[1]) // → label-printer: "of, given tea has a price" (test "prints a label")
 * ```
 */
export function describeVerification({ provider, version, interactions }: Verification): string {
  const failed = interactions.filter(({ failures }) => failures.length > 0)
  const consumers = [...new Set(interactions.map(({ consumer }) => consumer))].join(', ')
  const count = `${interactions.length} ${interactions.length === 1 ? 'interaction' : 'interactions'}`
  if (failed.length === 0)
    return `${provider} ${version} does what ${count} of ${consumers} ${interactions.length === 1 ? 'expects' : 'expect'}.`
  const blocks = failed.flatMap(({ consumer, interaction, test, pending, failures }) => [
    `${consumer}: "${interaction}"${test === undefined ? '' : ` (test "${test}")`}${pending ? ' (pending: it fails nobody yet)' : ''}`,
    ...failures.map(({ where, expected, got }) => `  ${where}: expected ${expected}, got ${got}`),
  ])
  return [`${provider} ${version} does not do what ${failed.length} of ${count} expect.`, ...blocks].join('\n')
}

async function verify<Tables>(
  one: Interaction,
  provider: Provider,
  options: VerifyOptions<Tables>,
): Promise<readonly Mismatch[]> {
  const said: Record<string, unknown> = {}
  for (const { name, params } of one.states) {
    const state = own(options.states, name)
    if (state === undefined) {
      const known = Object.keys(options.states ?? {}).map((each) => `"${each}"`)
      return [
        {
          where: `state "${name}"`,
          expected: 'a function of that name in "states"',
          got: known.length === 0 ? 'none' : known.join(', '),
        },
      ]
    }
    try {
      const told = await inContext(provider, (context) => state(context as StateContext<Tables>, params))
      Object.assign(said, params, told)
    } catch (error) {
      return [{ where: `state "${name}"`, expected: 'that it can be brought about', got: wordsOf(error) }]
    }
  }
  return one.kind === 'http' ? verifyHttp(one, provider, said, options) : verifyMessage(one, provider, options)
}

async function verifyHttp<Tables>(
  one: HttpInteraction,
  provider: Provider,
  said: Readonly<Record<string, unknown>>,
  { headers = {} }: VerifyOptions<Tables>,
): Promise<readonly Mismatch[]> {
  const request = requestOf(one, said)
  try {
    const answer = await provider.send({ ...request, headers: { ...request.headers, ...headers } })
    return matchResponse(one.response, answer)
  } catch (error) {
    return [{ where: `${request.method} ${request.url}`, expected: 'an answer', got: wordsOf(error) }]
  }
}

async function verifyMessage<Tables>(
  one: MessageInteraction,
  provider: Provider,
  options: VerifyOptions<Tables>,
): Promise<readonly Mismatch[]> {
  const { system, events } = provider
  const { type } = one.message.metadata
  const announce = own(options.messages, one.description) ?? (typeof type === 'string' ? own(options.messages, type) : undefined)
  const where = `message "${one.description}"`
  if (system === undefined)
    return [{ where, expected: 'a service in this process', got: 'a URL, which announces nothing to a test' }]
  if (announce === undefined)
    return [{ where, expected: `a function "${typeof type === 'string' ? type : one.description}" in "messages"`, got: 'none' }]
  const wanted = typeof type === 'string' ? events.filter(({ name }) => name === type) : events
  if (wanted.length === 0)
    return [
      { where, expected: `an event "${String(type)}" of the contract`, got: events.map(({ name }) => name).join(', ') || 'none' },
    ]
  const before = new Map(wanted.map((event) => [event, system.published(event).length]))
  try {
    await inContext(provider, (context) => announce(context as StateContext<Tables>))
    await system.settled()
  } catch (error) {
    return [{ where, expected: 'that it is announced', got: wordsOf(error) }]
  }
  const results = wanted.flatMap((event) =>
    system
      .published(event)
      .slice(before.get(event))
      .map((message) => matchMessage(one.message, actualOf(event, message))),
  )
  // Others may be announced beside it.
  return (
    results.find((found) => found.length === 0) ??
    results.at(-1) ?? [{ where, expected: 'a message', got: 'nothing was announced' }]
  )
}

function actualOf(event: AnyEvent, message: ReturnType<TestSystem['published']>[number]): Parameters<typeof matchMessage>[1] {
  const { type, source, key, id } = message
  const json: unknown = JSON.parse(JSON.stringify(wireOf(event.schema, 'output').toJson(message.data)))
  return { metadata: { type, source, key, id }, contents: { kind: 'json', type: 'application/json', value: json } }
}

async function inContext<T>(provider: Provider, work: (context: object) => Promise<T> | T): Promise<T> {
  return provider.inside === undefined ? work({}) : provider.inside(work)
}

function own<T>(all: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return all !== undefined && Object.hasOwn(all, name) ? all[name] : undefined
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
