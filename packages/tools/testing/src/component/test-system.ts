import { makeFolder } from '@dure/simulation/internal'
import { clientFactory } from 'dure/call/internal'
import { realRuntime } from 'dure/runtime'
import { checkNumbers, WAIT } from 'dure/runtime/internal'
import type { SystemStatus } from 'dure/service'
import type { Span } from 'dure/telemetry'
import { insideOf } from './fake.ts'
import { farLives, refuseFar } from './far-life.ts'
import { createFaults } from './faults.ts'
import { createInFlight } from './in-flight.ts'
import { beginLife, makeProcess } from './life.ts'
import { createLives } from './lives.ts'
import type { TestSystem, TestSystemOptions } from './options.ts'
import { bring } from './publish.ts'
import { createRecorded } from './recorded.ts'
import { nextRelease } from './schema-of.ts'
import { settle } from './settled.ts'
import { createSpans } from './spans.ts'
import { subjectOf, type Tested } from './subject.ts'
import { realTime, virtualTime, type Time } from './time.ts'
import { transportTo } from './transport.ts'
import { logOf } from './words.ts'

/**
 * Starts a system, or single services, for one test: in this process, in a folder of its own, with fakes of what is not there.
 * @throws when it cannot be started, with the reason
 *
 * @example
 * ```ts
 * import { testSystem } from '@dure/testing'
 * import { command, contract, event } from 'dure/contract'
 * import { database } from 'dure/data'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Paid = event('paid', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
 * const Thanked = event('thanked', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
 * const Thanks = contract('thanks', { version: '1.0.0', owner: 'team-thanks', operations: {}, events: [Thanked] })
 * const thanks = service(Thanks, {
 *   database: database({ migrations: {} }),
 *   handlers: {},
 *   subscriptions: ({ on }) => [on(Paid, ({ data }, { tx }) => tx.publish(Thanked, data))],
 * })
 *
 * await using test = await testSystem(thanks)
 * await test.publish(Paid, { id: 'o-1' })
 * await test.settled()
 * console.log(test.published(Thanked).map(({ data }) => data)) // → [ { id: 'o-1' } ]
 * ```
 */
export async function testSystem(tested: Tested, options: TestSystemOptions = {}): Promise<TestSystem> {
  const { fakes: given = [], doors = [], fetch, in: place } = options
  const subject = subjectOf(tested, given, doors)
  const { name } = subject.system
  const tests = subject.system.services.filter(({ contract }) => subject.own.includes(contract.name))
  const next = await nextRelease(name, options.schemaOf, tests)
  if (place !== undefined) refuseFar(name, place, { database: options.database, fetch, time: options.time, schemaOf: next })
  const time = timeOf(name, options)
  // Deadlines are of the clock of whoever is called.
  const runtime = place === undefined ? makeProcess({ time, name: 'test', number: 0, fetch }).runtime : realRuntime()
  const folder = makeFolder()
  const recorded = createRecorded()
  const faults = createFaults()
  const calls = createInFlight()
  const { log, said, hear } = logOf(runtime.clock, options.log)
  const spans = createSpans(name, options.spans === true)
  const system = {
    ...{ ...subject.system, telemetry: spans.telemetry },
    ...(options.database !== undefined && { database: options.database, stores: {} }),
    services: subject.system.services.map(faults.around),
  }
  const { broker } = options
  const elsewhere = place === undefined ? [] : subject.own
  const far =
    place &&
    farLives({
      ...{ system, place, services: elsewhere, directory: folder.path, log, recorded, broker },
      onLine: hear,
    })
  const lives = await createLives({
    ...{ name, time, calls, heal: faults.end },
    begin:
      far?.begin ?? ((number) => beginLife({ system, directory: folder.path, time, log, recorded, fetch, number, broker, next })),
    over: async () => {
      await far?.over()
      time.end()
      folder.remove()
    },
  })
  const { now, kill } = lives

  // What goes between processes by the broker is no service of anybody's.
  const isOwn = ({ service }: Span): boolean => system.services.some(({ contract }) => contract.name === service)
  const blame = (): void => {
    const found = subject.fakes.flatMap((one) => insideOf(one).takeFaults())
    if (found.length > 0) throw new Error(`Testing "${name}" failed: ${found.join('. ')}`)
  }
  const transport = transportTo({ time, runtime, calls, life: now })
  const bringing =
    (kind: 'publish' | 'send'): TestSystem['publish'] =>
    async (event, data, how) => {
      const { broker } = now(`${kind} "${event.name}"`)
      await time.during(() =>
        calls.track(`the test's ${kind} of "${event.name}"`, () =>
          bring({ kind, event, data, how, broker, runtime, system: name, announcer: subject.announcer }),
        ),
      )
    }

  const stop = async (): Promise<void> => {
    await lives.stop()
    blame()
  }

  return {
    client: (contract, { principal, metadata } = {}) =>
      clientFactory({ contract, transport, runtime })({ service: undefined, principal, metadata }),
    publish: bringing('publish'),
    send: bringing('send'),
    published: (event) => {
      now(`tell what was published of "${event.name}"`)
      return recorded.of(event)
    },
    settled: async ({ timeout = time.virtual ? 3_600_000 : 5_000 } = {}) => {
      checkNumbers('wait for a system to settle', { timeout }, { timeout: WAIT })
      const status = (): Promise<SystemStatus> => {
        const { inside, running } = now('wait until it has settled')
        return inside(running.status)
      }
      await time.during(() => settle({ name, timeout, runtime, status, calls, said, blame }))
      if (options.spans === true) await far?.written()
    },
    fault: ({ name: service }, kind) => {
      now(`have ${kind} befall "${service}"`)
      if (!system.services.some(({ contract }) => contract.name === service))
        throw new TypeError(`Cannot have ${kind} befall "${service}": it is no service of "${name}", and none that it needs`)
      if (elsewhere.includes(service))
        throw new TypeError(`Cannot have ${kind} befall "${service}": it runs in ${place!.name}; use kill() or freeze()`)
      return faults.begin(service, kind)
    },
    kill,
    freeze: () => {
      const frozen = now(`freeze "${name}"`)
      frozen.freeze()
      return frozen.thaw
    },
    advance: async (ms) => {
      checkNumbers('advance time', { ms }, { ms: WAIT })
      now('advance time')
      if (!time.virtual)
        throw new TypeError(`Cannot advance the time of "${name}": it is real; start it with \`time: 'virtual'\``)
      await time.during(() => runtime.timers.sleep(ms))
    },
    deadLetters: ({ name: service }) => {
      const letters = now(`look at dead letters of "${service}"`).running.deadLetters(service)
      if (letters === undefined)
        throw new TypeError(`Cannot look at dead letters of "${service}": it is no service of "${name}" with a database`)
      return letters
    },
    spans: () => (far === undefined ? spans.list() : [...spans.list().filter(isOwn), ...far.spans()]),
    outbox: async ({ name: service }) => {
      const { inside, running } = now(`look into the outbox of "${service}"`)
      const found = (await time.during(() => inside(running.status))).services.find((one) => one.service === service)
      if (found === undefined) throw new TypeError(`Cannot look into the outbox of "${service}": it is no service of "${name}"`)
      return found.outbox
    },
    get urls() {
      return now('tell where its doors are').running.doors.flatMap(({ url }) => url ?? [])
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function timeOf(name: string, { time = 'real', doors = [] }: TestSystemOptions): Time {
  if (time === 'real') return realTime()
  if (doors.length > 0)
    throw new TypeError(
      `Cannot test "${name}" in virtual time: it has doors, whose callers live in real time; leave them out, or give \`time: 'real'\``,
    )
  return virtualTime()
}
