import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { contract, query } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { describeOutcome, explore, simulate, type Simulation } from '../simulation.ts'

const Greeter = contract('greeter', {
  version: '1.0.0',
  owner: 'tests',
  operations: { greet: query({ input: z.string(), output: z.string() }) },
})

/** A service without a store, in three copies, asked by users who ask again. */
const greeting = (given: Partial<Simulation> = {}): Simulation => ({
  system: system('greetings', { services: [service(Greeter, { handlers: { greet: (name) => `Hello, ${name}` } })] }),
  replicas: { greeter: 3 },
  load: {
    duration: 10_000,
    clients: 3,
    pause: 200,
    step: async ({ client, user }) => void (await client(Greeter).greet(String(user), { timeout: 2_000 })),
  },
  invariants: {},
  ...given,
})

test('copies of a service share its calls, and each is a process of its own', async () => {
  const outcome = await simulate({ simulation: greeting(), seed: 3, faults: [], record: true })
  assert.equal(outcome.kind, 'held', describeOutcome(outcome))
  assert.equal(outcome.refused, 0)
  const answered = new Set(outcome.lines.filter(({ what }) => what === 'call came').map(({ who }) => who))
  for (const copy of ['greeter', 'greeter#2', 'greeter#3']) assert.ok(answered.has(copy), `${copy} was never asked`)
})

test('copies that are replaced or leave for a while fail no call', { timeout: 120_000 }, async () => {
  for (const kind of ['replacement', 'scaling'] as const) {
    const report = await explore({ simulation: greeting({ faults: [kind] }), seeds: 20, failures: 1 })
    assert.deepEqual(report.failures.map(describeOutcome), [])
    assert.equal(report.refused, 0, kind)
    assert.ok((report.sometimes[`fault: ${kind}`]?.seeds ?? 0) > 5, `${kind} hardly ever happened`)
  }
})

test('with every kind of fault a run of copies is the same again', { timeout: 120_000 }, async () => {
  const report = await explore({ simulation: greeting(), seeds: 20, failures: 1, verify: 1 })
  assert.deepEqual(report.failures.map(describeOutcome), [])
  assert.equal(report.verified, 20)
})

test('copies that there cannot be are refused in words', async () => {
  const refused = (replicas: Simulation['replicas'], placements?: Simulation['placements']) =>
    simulate({ simulation: greeting({ replicas, ...(placements && { placements }) }), seed: 1 })
  await assert.rejects(refused({ greeter: 0 }), /replicas of "greeter" are 0; give a whole number from 1 to 64/)
  await assert.rejects(refused({ other: 2 }), /replicas name "other", which is no service; there are greeter/)
  await assert.rejects(refused({ greeter: 2 }, ['together']), /take "together" out of the placements/)
})

test('many seeds run with the copies that are asked for, from a value as from a file', { timeout: 60_000 }, async () => {
  const { replicas: _, ...alone } = greeting()
  const file = fileURLToPath(new URL('../broken/nothing.system.test-support.ts', import.meta.url))
  for (const source of [{ simulation: alone }, { file, threads: 1 }])
    await assert.rejects(explore({ ...source, replicas: { other: 2 }, seeds: 1 }), /replicas name "other", which is no service/)
  const of = async (replicas: Simulation['replicas']): Promise<unknown> => {
    const hashes: string[] = []
    await explore({ simulation: alone, replicas, seeds: 1, onSeed: ({ outcome }) => hashes.push(outcome.hash) })
    return hashes
  }
  assert.notDeepEqual(await of({ greeter: 2 }), await of(undefined))
})
