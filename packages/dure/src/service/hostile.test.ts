import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { HOSTILE_THROWS } from '../call/hostile-throws.conformance.ts'
import { CallError, command, contract, event, query } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { queue } from '../messaging/messaging.ts'
import { createLogger } from '../telemetry/telemetry.ts'
import { service, start, system } from './service.ts'
import { quiet, until } from './rig.test-support.ts'

const Which = z.object({ at: z.int() })
const Happened = event('happened', { schema: Which, key: ({ at }) => String(at) })
const Prepared = event('prepared', { schema: Which, key: ({ at }) => String(at) })
const Work = queue('work', { schema: Which, key: ({ at }) => String(at) })
/** Its parts are asked while something is announced, and throw then. */
const Keyless = event('keyless', { schema: Which, key: ({ at }) => thrown(at) })
const Unfit = event('unfit', { schema: z.object({ at: z.int().refine((at) => thrown(at)) }), key: () => 'key' })

function thrown(at: number): never {
  throw HOSTILE_THROWS[at]!.make()
}

const Places = contract('places', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    logs: query({ input: Which, output: z.string() }),
    transaction: command({ input: Which }),
    caught: command({ input: Which, output: z.string() }),
    announce: command({ input: Which }),
    keyless: command({ input: Which }),
    unfit: command({ input: Which }),
    refined: query({ input: z.object({ at: z.int().refine((at) => thrown(at)) }) }),
    spoilt: query({ input: Which, output: z.string().refine((at) => thrown(Number(at))) }),
  },
  events: [Happened, Prepared, Keyless, Unfit],
})

let readiness = 0
const places = service(Places, {
  database: database<Record<never, never>>({ migrations: {} }),
  ready: () => thrown(readiness),
  handlers: {
    logs: ({ at }, { log }) => {
      const value = HOSTILE_THROWS[at]!.make()
      log.info('It goes well', { value })
      log.with({ value }).warn(value as string, value as never)
      return 'well'
    },
    transaction: ({ at }, { database }) => database.transaction(async () => thrown(at)),
    caught: async ({ at }, { database }) => {
      await database.transaction(async () => thrown(at)).catch(() => {})
      return database.transaction(async () => 'well')
    },
    announce: ({ at }, { database }) =>
      database.transaction(async (tx) => {
        await tx.publish(Happened, { at })
        await tx.publish(Prepared, { at })
        await tx.send(Work, { at })
      }),
    keyless: ({ at }, { database }) => database.transaction((tx) => tx.publish(Keyless, { at })),
    unfit: ({ at }, { database }) => database.transaction((tx) => tx.publish(Unfit, { at })),
    refined: () => {},
    spoilt: ({ at }) => String(at),
  },
  subscriptions: ({ on, work }) => [
    on(Happened, { handle: ({ data }) => thrown(data.at), retry: { attempts: 1 } }),
    on(Prepared, { prepare: async ({ data }) => thrown(data.at), handle: () => {}, retry: { attempts: 1 } }),
    work(Work, { handle: ({ data }) => thrown(data.at), retry: { attempts: 1 } }),
  ],
})

test(
  'whatever is thrown, wherever a service hands over to its user, costs that piece of work and nothing else',
  { timeout: 60_000 },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dure-hostile-'))
    const lines: string[] = []
    const log = createLogger({
      clock: { now: () => Date.now(), monotonic: () => performance.now() },
      write: (line) => lines.push(line),
    })
    const running = await start(system('hostile', { services: [places], telemetry: { sampling: 1 } }), { directory, log })
    t.after(async () => {
      await running.stop()
      rmSync(directory, { recursive: true, force: true })
    })
    const client = running.client(Places)
    for (const [at, { name, code }] of HOSTILE_THROWS.entries()) {
      assert.equal(await client.logs({ at }), 'well', name)
      assert.equal(await client.caught({ at }), 'well', name)
      await client.announce({ at })
      for (const operation of ['transaction', 'keyless', 'unfit', 'refined', 'spoilt'] as const) {
        for (const options of [{}, { idempotencyKey: `${operation} ${at}` }]) {
          const failure: unknown = await client[operation]({ at }, options).then(
            () => assert.fail(`${name}: ${operation} went well`),
            (error: unknown) => error,
          )
          assert.ok(failure instanceof CallError, `${name}: ${operation} lets out what was thrown`)
          // A schema makes what it likes of what its parts throw; what a handler throws is told in every place alike.
          if (operation === 'transaction' || operation === 'keyless') assert.equal(failure.code, code, `${name}: ${operation}`)
        }
      }
      readiness = at
      const { services } = await running.health()
      assert.deepEqual(
        services.map(({ ready, reasons }) => [ready, reasons.length]),
        [[false, 1]],
      )
    }
    const { services } = await running.status()
    assert.equal(services[0]!.callsInFlight, 0)
    const letters = running.deadLetters('places')!
    await until(async () => {
      const groups = await letters.groups()
      return groups.reduce((sum, { count }) => sum + count, 0) === HOSTILE_THROWS.length * 3
    })
    for (const line of lines) JSON.parse(line)
    await letters.discard({}, 'They are hostile', 'a test')
    await quiet(running)
  },
)
