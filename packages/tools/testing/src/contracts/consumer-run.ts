/** A consumer under test runs beside a stub of its provider. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rest } from '@dure/rest'
import { contract, type AnyContract, type Operations } from 'dure/contract'
import { parserOf } from 'dure/contract/internal'
import { realRuntime } from 'dure/runtime'
import { service, type Service } from 'dure/service'
import { testSystem } from '../component/component.ts'
import type { State } from '../pact/pact.ts'
import type { ConsumerTest, ConsumerTestOptions } from './consumer.ts'
import { checked, type Given } from './interaction.ts'
import { noReads } from './reads.ts'
import { record, recorded, type Seen } from './recording.ts'
import { pactOf } from './used.ts'

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
