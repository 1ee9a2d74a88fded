import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as realSleep } from 'node:timers/promises'
import { readFile } from 'node:fs/promises'
import { command, contract, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { trySeed } from '../explore/explore.ts'
import { FAULTS, simulate, timeline, type Simulation, type StepWorld } from '../simulation.ts'
import { shopping } from '../shop.test-support.ts'

const Counter = contract('counter', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    add: command({ input: z.object({ id: z.string() }), output: z.object({ total: z.int() }), idempotent: true }),
    total: query({ output: z.object({ total: z.int() }) }),
  },
})

/** A service that counts, and what it does beside that. */
function counting(beside: () => unknown = () => undefined): System {
  return system('counting', {
    services: [
      service(Counter, {
        database: database<{ counted: { id: string } }>({ migrations: { '1': 'CREATE TABLE counted (id TEXT PRIMARY KEY)' } }),
        handlers: {
          add: async ({ id }, { database }) => {
            await beside()
            return database.transaction(async (tx) => {
              await tx
                .insertInto('counted')
                .values({ id })
                .onConflict((conflict) => conflict.doNothing())
                .execute()
              return { total: (await tx.selectFrom('counted').select('id').execute()).length }
            })
          },
          total: async (_input, { database }) => ({
            total: (await database.read.selectFrom('counted').select('id').execute()).length,
          }),
        },
      }),
    ],
  })
}

const count = (given: Partial<Simulation> & { readonly system: System }): Simulation => ({
  load: {
    duration: 5_000,
    clients: 2,
    pause: 500,
    step: async ({ client, user, number }) => void (await client(Counter).add({ id: `${user} ${number}` }, { timeout: 1_000 })),
  },
  invariants: {},
  ...given,
})

test('the same seed gives the same run, another seed another one, and recording changes nothing', async () => {
  const simulation = shopping()
  const first = await simulate({ simulation, seed: 4 })
  const recorded = await simulate({ simulation, seed: 4, record: true })
  assert.equal(recorded.hash, first.hash)
  assert.deepEqual(recorded.faults, first.faults)
  assert.ok(recorded.lines.length > 1_000)
  assert.notEqual((await simulate({ simulation, seed: 5 })).hash, first.hash)
})

test('whatever is left out of a run, the dice of what is left stay as they were', async () => {
  const simulation = shopping()
  const whole = await simulate({ simulation, seed: 7 })
  assert.ok(whole.faults.length > 3)
  const same = await simulate({ simulation, seed: 7, only: { faults: new Set(whole.faults.map(({ key }) => key)) } })
  assert.equal(same.hash, whole.hash)
  const one = whole.faults[0]!.key
  const alone = await simulate({ simulation, seed: 7, only: { faults: new Set([one]) } })
  assert.deepEqual(
    alone.faults.map(({ key }) => key),
    [one],
  )
  const fewer = await simulate({ simulation, seed: 7, only: { steps: new Set([whole.steps[0]!]) } })
  assert.deepEqual(fewer.steps, [whole.steps[0]])
})

test('no run takes real time: a simulated hour of quiet is over at once, and nothing is left behind', async () => {
  const simulation = count({ system: counting() })
  const outcome = await simulate({
    simulation: { ...simulation, load: { ...simulation.load, duration: 3_600_000, pause: 600_000 } },
    seed: 3,
    faults: [],
  })
  assert.equal(outcome.kind, 'held')
  assert.ok(outcome.virtual >= 3_600_000)
})

test('an invariant that does not hold is named, with its own words', async () => {
  const simulation = count({
    system: counting(),
    invariants: {
      'nobody counts beyond three': async ({ client }) => {
        const { total } = await client(Counter).total()
        assert.ok(total <= 3, `it counted to ${total}`)
      },
    },
  })
  const outcome = await simulate({ simulation, seed: 1, faults: [] })
  assert.ok(outcome.kind === 'violated')
  assert.equal(outcome.invariant, 'nobody counts beyond three')
  assert.match(outcome.message, /^it counted to \d+$/)
})

test('an invariant may read a store beside its service', async () => {
  let rows = 0
  const simulation = count({
    system: counting(),
    invariants: { 'every step is there': ({ rows: read }) => void (rows = read('counter', 'SELECT id FROM counted').length) },
  })
  const outcome = await simulate({ simulation, seed: 2, faults: [] })
  assert.equal(outcome.kind, 'held')
  assert.equal(rows, outcome.steps.length)
})

test('a step may fail with a status, which is an answer, and with nothing else', async () => {
  const refuse = count({ system: counting() })
  const refused = await simulate({
    simulation: {
      ...refuse,
      load: {
        ...refuse.load,
        step: ({ client }) =>
          client(Counter)
            .add({ id: 7 as never })
            .then(() => {}),
      },
    },
    seed: 1,
    faults: [],
  })
  assert.equal(refused.kind, 'held')
  assert.ok(refused.refused > 0 && refused.refused === refused.steps.length)
  const broken = await simulate({
    simulation: { ...refuse, load: { ...refuse.load, step: () => Promise.reject(new Error('what a user sees is wrong')) } },
    seed: 1,
    faults: [],
  })
  assert.ok(broken.kind === 'violated')
  assert.deepEqual([broken.invariant, broken.message, broken.steps.length], ['what users see', 'what a user sees is wrong', 1])
})

test('real chance in a handler is found out: the seed does not give the same run again', async () => {
  // A world that is another one at every second run.
  let runs = 0
  const simulation = (): Simulation => {
    const odd = ++runs % 2 === 1
    return count({ system: counting(() => (odd ? Promise.reject(new Error('by real chance')) : undefined)) })
  }
  const { outcome } = await trySeed({ simulation, seed: 50, faults: [] })
  assert.ok(outcome.kind === 'nondeterministic')
  assert.match(outcome.message, /two runs differ first at line \d+/)
})

test('real timers and files never answer in a run, and are named', { timeout: 60_000 }, async () => {
  const ended = new AbortController()
  for (const [beside, kind] of [
    [() => realSleep(60_000, undefined, { signal: ended.signal }).catch(() => {}), 'Timeout'],
    [() => readFile(import.meta.filename), 'FSREQCALLBACK'],
  ] as const) {
    const outcome = await simulate({ simulation: count({ system: counting(beside) }), seed: 1, faults: [] })
    ended.abort()
    assert.ok(outcome.kind === 'escaped', outcome.kind)
    assert.match(outcome.message, new RegExp(`^${kind} \\(begun .*run\\.test\\.ts:\\d+`))
  }
})

test('a system that never comes to rest is stuck, and says what is busy', async () => {
  const forever = count({ system: counting() })
  const outcome = await simulate({
    simulation: { ...forever, load: { ...forever.load, step: ({ sleep }) => sleep(10 ** 9) } },
    seed: 1,
    faults: [],
  })
  assert.ok(outcome.kind === 'stuck')
  assert.equal(outcome.phase, 'coming to rest')
})

test('each kind of fault can befall a system alone', { timeout: 120_000 }, async () => {
  const simulation = shopping()
  for (const kind of FAULTS) {
    let seen = false
    for (let seed = 1; !seen && seed < 30; seed++) {
      const outcome = await simulate({ simulation, seed, faults: [kind] })
      assert.equal(outcome.kind, 'held', `${kind}, seed ${seed}`)
      assert.ok(outcome.faults.every((fault) => fault.kind === kind))
      seen = outcome.faults.length > 0
    }
    assert.ok(seen, `"${kind}" never happened`)
  }
})

test('a run is told step by step, faults set off and ids shortened', async () => {
  const outcome = await simulate({ simulation: shopping(), seed: 8, record: true })
  const text = timeline(outcome, { most: 100_000 })
  assert.match(text, /^ +\d+\.\d{4} {2}clients +step user \d step 0$/m)
  assert.match(text, /^ +\d+\.\d{4} {2}!+ {2}1\. /m)
  assert.match(text, /publish order\.placed …[0-9a-f]{6} "\d-\d+"/)
  assert.match(text, /deliver \S+ \S+ order\.placed …[0-9a-f]{6} "\d-\d+"/)
  assert.match(text, /took effect \S+: order\.placed "\d-\d+" …[0-9a-f]{6}$/m)
  assert.doesNotMatch(text, /turns the order round/)
  assert.doesNotMatch(text, /dure-broker\.beat/)
})

test('servers of others are what the simulation says they are, asked between two steps at which a process may die', async () => {
  const Asker = contract('asker', {
    version: '1.0.0',
    owner: 'tests',
    operations: { ask: command({ output: z.string(), deadline: 2_000 }) },
  })
  /** What requests failed with, as the handler hears it. */
  const told = new Set<string>()
  const asking = system('asking', {
    services: [
      service(Asker, {
        handlers: {
          ask: async (_input, { fetch }) => {
            const answer = fetch('http://bank.example/charges', { method: 'POST', body: 'a' })
            answer.catch((error: Error) => told.add(error.message))
            return (await answer).text()
          },
        },
      }),
    ],
  })
  const heard = { answered: 0, refused: 0 }
  const answered: Simulation = {
    system: asking,
    load: {
      duration: 10_000,
      step: async ({ client }) => {
        const text = await client(Asker).ask()
        assert.equal(text, 'POST a')
        heard.answered++
      },
    },
    invariants: {},
    fetch: async (request, { runtime }) => {
      await runtime.timers.sleep(runtime.random.integer(3_000), request.signal)
      if (runtime.random.integer(5) === 0) throw new Error('the connection was lost')
      return new Response(`${request.method} ${await request.text()}`)
    },
  }
  let crashed = false
  for (let seed = 1; seed < 12 || (!crashed && seed < 80); seed++) {
    const { outcome } = await trySeed({ simulation: answered, seed, verify: 1, faults: ['crash'] })
    assert.equal(outcome.kind, 'held')
    crashed ||= outcome.faults.some(({ text }) => /"request (?:sent|answered)"/.test(text))
  }
  assert.ok(heard.answered > 0)
  assert.ok(crashed)
  const { fetch: _fetch, ...alone } = answered
  const step = ({ client }: StepWorld): Promise<void> =>
    client(Asker)
      .ask()
      .then(
        () => {},
        () => void heard.refused++,
      )
  assert.equal((await simulate({ simulation: { ...alone, load: { ...alone.load, step } }, seed: 1, faults: [] })).kind, 'held')
  assert.ok(heard.refused > 0)
  assert.ok([...told].some((words) => /give "fetch" of the simulation/.test(words)))
})

test('the line that turns the order of a key round is said, and no other', async () => {
  const outcome = await simulate({ simulation: shopping(), seed: 8 })
  const id = (n: number): string => `019b7f4e-0000-7000-8000-00000000000${n}`
  const line = (what: string, detail: string, time: number) => ({ time, who: 'all', what, detail })
  const lines = [
    line('step', 'user 0 step 0', 0),
    line('publish', `a ${id(1)} "k \\"1\\"",a ${id(2)} "k \\"1\\""`, 1),
    line('publish', `a ${id(3)} "other"`, 2),
    line('took effect', `mail/a ${id(2)}`, 3),
    line('took effect', `stock/a ${id(1)}`, 4),
    line('took effect', `mail/a ${id(3)}`, 5),
    line('took effect', `mail/a ${id(1)}`, 6),
    line('took effect', `stock/a ${id(2)}`, 7),
  ]
  const turned = timeline({ ...outcome, lines })
    .split('\n')
    .filter((one) => one.includes('turns'))
  assert.equal(turned.length, 1)
  assert.match(
    turned[0]!,
    /took effect mail\/a: a "k \\"1\\"" …000001 — turns the order round: …000002 of this key was published later$/,
  )
})
