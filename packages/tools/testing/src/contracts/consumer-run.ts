/** A consumer under test runs beside a stub of its provider. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rest } from '@dure/rest'
import type { Client } from 'dure/call'
import { contract, type AnyContract, type AnyEvent, type EventInput, type Operations } from 'dure/contract'
import { parserOf } from 'dure/contract/internal'
import { realRuntime } from 'dure/runtime'
import { service, type Service } from 'dure/service'
import { testSystem, type Fake, type TestSystem } from '../component/component.ts'
import type { State } from '../pact/pact.ts'
import { checked, type ConsumerInteraction, type Given } from './interaction.ts'
import { noReads } from './reads.ts'
import { record, recorded, type Seen } from './recording.ts'
import { pactOf } from './used.ts'

export type ConsumerTestOptions<C extends AnyContract> = {
  /** Whose contract is used. */
  readonly provider: C
  /** What it answers; whatever else it is asked fails the test. */
  readonly interactions?: readonly ConsumerInteraction[]
  /** Other services that the consumer needs. */
  readonly fakes?: readonly Fake[]
  /** The folder in which the pact is written when the test has come to its end; one file for each `name`. Default: it is not written. */
  readonly pacts?: string
  /** Told of each line of the log. Default: nobody is. */
  readonly log?: (line: string) => void
  /** The test, as reports name it. Default: the consumer and the provider. */
  readonly name?: string
}

/** A consumer under test, with a stub of one provider. */
export type ConsumerTest<C extends AnyContract> = AsyncDisposable & {
  /** The provider, as the consumer's own code calls it; what is read of its answers is noted. */
  readonly provider: Client<C>
  /** The same over HTTP, for whoever calls it by its routes; all of an answer counts as read. Undefined: no operation has a route. */
  readonly url: string | undefined
  /** The consumer, when it is a service. */
  readonly system: TestSystem
  /** Brings an event of the provider to the consumer; what its reactions read of it is noted. */
  readonly publish: <E extends AnyEvent>(
    event: E,
    data: EventInput<E>,
    options?: { readonly given?: Given | readonly Given[]; readonly description?: string },
  ) => Promise<void>
  /** The pact of what was used until now: the text of a file. @throws {TypeError} when an operation was used that has no route of HTTP */
  readonly pact: () => string
  /** Ends the test and writes the pact. Idempotent. @throws when the provider was asked what it has no answer to, or a fake broke its contract */
  readonly stop: () => Promise<void>
}

export async function runConsumer<C extends AnyContract>(
  consumer: Service | string,
  options: ConsumerTestOptions<C>,
): Promise<ConsumerTest<C>> {
  const { provider, fakes = [] } = options
  const name = typeof consumer === 'string' ? consumer : consumer.contract.name
  for (const one of options.interactions ?? [])
    if (one.contract.name !== provider.name)
      throw new TypeError(`Cannot test "${name}" with "${provider.name}": it is given an interaction of "${one.contract.name}"`)
  const interactions = await Promise.all((options.interactions ?? []).map(checked))
  const seen = record(interactions)
  const hasRoute = Object.values(provider.operations as Operations).some(({ bindings }) => bindings.http !== undefined)
  const subject = typeof consumer === 'string' ? calling(consumer, provider) : recorded(consumer, provider, seen)
  const system = await testSystem(subject, {
    ...(options.log !== undefined && { log: options.log }),
    fakes: [...(neededBy(subject, provider) ? [seen.stub(provider)] : []), ...fakes],
    ...(hasRoute && neededBy(subject, provider) && { doors: [doorOf(provider, seen)] }),
  })
  const pact = (): string => pactOf({ consumer: name, provider, test: options.name, calls: seen.calls, events: seen.events })
  let ended: Promise<void> | undefined
  const end = async (): Promise<void> => {
    await system.stop()
    if (seen.unexpected.length > 0) throw new Error(`Testing "${name}" failed: ${seen.unexpected.join('. ')}`)
    if (options.pacts !== undefined) write(options.pacts, options.name ?? `${name}-${provider.name}`, pact())
  }
  const stop = (): Promise<void> => (ended ??= end())
  return {
    provider: neededBy(subject, provider) ? seen.client(provider, system.client(provider)) : (undefined as never),
    url: system.urls[0],
    system,
    publish: async (event, data, { given = [], description = `event ${event.name}` } = {}) => {
      const parsed = await parserOf(event.schema, 'output')(data)
      const states = ([given].flat() as readonly Given[]).map(stateOf)
      seen.events.push({ event, data: parsed.ok ? parsed.value : data, description, states, reads: noReads() })
      await system.publish(event, data)
      await system.settled()
    },
    pact,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Stands for a caller that is no service. */
function calling(name: string, provider: AnyContract): Service {
  return service(contract(name, { version: '1.0.0', owner: 'test', operations: {} }), {
    needs: { provider },
    handlers: {},
  }) as Service
}

function neededBy(consumer: Service, provider: AnyContract): boolean {
  return Object.values(consumer.needs).some((need) => need.name === provider.name)
}

function doorOf(provider: AnyContract, seen: Seen): ReturnType<typeof rest> {
  return rest({
    ...{ port: 0, announce: false, pages: false, contracts: [provider] },
    extend: (server) => {
      server.addHook('onSend', async (request, reply) => {
        if (seen.takeCut(String(reply.getHeader('x-correlation-id')))) request.raw.socket.destroy()
      })
    },
  })
}

function stateOf(given: Given): State {
  return typeof given === 'string' ? { name: given, params: {} } : { name: given.name, params: given.params ?? {} }
}

/** Whoever reads it meanwhile finds the old or the new one. */
function write(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.json`)
  const next = `${file}.${realRuntime().ids.next()}`
  writeFileSync(next, text)
  renameSync(next, file)
}
