import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallContext } from 'dure/call'
import type { Route } from 'dure/call/internal'
import { CallError, command, contract, query } from 'dure/contract'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { copyOf } from '../arbitrary/arbitrary.ts'
import { checkPlacement, describeReport, inCopies, placements, type Placement } from './placement.ts'
import { broken } from './broken.test-support.ts'
import hostile from './hostile.system.test-support.ts'

const HOSTILE = new URL('hostile.system.test-support.ts', import.meta.url)

const answers = (change: (value: unknown) => unknown): Placement =>
  broken((route) => ({ ...route, call: (input, context) => route.call(input, context).then(change) }))

const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    find: query({
      input: z.object({ id: z.int(), at: z.date() }),
      output: z.object({ id: z.int(), at: z.date(), note: z.string().optional() }),
    }),
    put: command({ input: z.object({ key: z.enum(['a', 'b']), amount: z.int().min(0) }) }),
    total: query({ input: z.object({ key: z.enum(['a', 'b']) }), output: z.int() }),
    label: query({ output: z.string() }),
  },
})

const shop = (): System => {
  const amounts = new Map<string, number>()
  return system('shop', {
    services: [
      service(Shop, {
        handlers: {
          find: ({ id, at }) => ({ id, at, note: id > 5 ? 'large' : undefined }),
          put: ({ key, amount }) => void amounts.set(key, (amounts.get(key) ?? 0) + amount),
          total: ({ key }) => amounts.get(key) ?? 0,
          label: () => 'fixed',
        },
      }),
    ],
  })
}

test('hostile values come out the same over sockets and in other processes, or are refused alike', async () => {
  const report = await checkPlacement({ system: hostile, file: HOSTILE, runs: 12, seed: 7 })
  assert.ok(report.ok, describeReport(report))
  assert.deepEqual(report.placements, [
    'together',
    'over a Unix socket',
    'over TCP',
    'in another process',
    'with each service in a process of its own',
  ])
  for (const { operation, calls, answered } of report.services[0]!.operations) {
    assert.equal(calls, 12)
    assert.ok(operation === 'failing' ? answered === 0 : answered > 0, `${operation}: ${answered} answered`)
  }
})

test('a date that becomes a text is found and made as small as it can be', async () => {
  const road = answers((value) => (typeof value === 'object' ? (JSON.parse(JSON.stringify(value)) as unknown) : value))
  const report = await checkPlacement({ system: shop, placements: [road], runs: 10 })
  assert.equal(report.ok, false)
  const [found, ...others] = report.services[0]!.operations.flatMap((row) => row.findings)
  assert.deepEqual(others, [])
  assert.equal(found!.operation, 'find')
  assert.equal(found!.difference.path, '.value.at')
  assert.deepEqual(found!.steps, [
    { service: 'shop', operation: 'find', input: { id: 0, at: new Date(0) }, manner: { kind: 'plain' } },
  ])
  assert.equal(found!.repeats, true)
  const text = describeReport(report)
  assert.match(text, /^shop +1 difference; 4 operations, 40 calls: \d+ answers, \d+ errors$/m)
  assert.match(text, /^shop\.find differs on a broken road: Date and string at \.value\.at$/m)
  assert.match(text, /^ {2}call shop\.find: \{ id: 0, at: 1970-01-01T00:00:00\.000Z \}$/m)
  assert.match(text, /Placement changes behaviour\.$/)
  for (const line of text.split('\n')) assert.ok(line.length <= 80, line)
})

test('a difference that only some inputs show is found at its edge', async () => {
  // Absent here, `undefined` there.
  const road = answers((value) => {
    if (typeof value === 'object' && value !== null && 'note' in value && value.note === undefined) delete value.note
    return value
  })
  const report = await checkPlacement({ system: shop, placements: [road], runs: 10 })
  const found = report.services[0]!.operations.flatMap((row) => row.findings)[0]!
  assert.equal(found.difference.path, '.value.note')
  assert.equal(found.difference.what, 'one is there, the other is not')
  const large = answers((value) => {
    if (typeof value === 'object' && value !== null && 'note' in value && value.note === 'large') value.note = 'LARGE'
    return value
  })
  const second = await checkPlacement({ system: shop, placements: [large], runs: 30 })
  assert.deepEqual(second.services[0]!.operations.flatMap((row) => row.findings)[0]!.steps[0]!.input, { id: 6, at: new Date(0) })
})

test('a call that is carried twice is found in the state it leaves, with the calls that lead to it', async () => {
  const road = broken((route, operation) => {
    const twice: Route['call'] = async (input, context) => {
      const kept = copyOf(input)
      await route.call(input, context)
      return await route.call(kept, context)
    }
    return operation === 'put' ? { ...route, call: twice } : route
  })
  const report = await checkPlacement({ system: shop, placements: [road], runs: 10 })
  const found = report.services[0]!.operations.flatMap((row) => row.findings)
  assert.deepEqual(
    found.map(({ operation }) => operation),
    ['total'],
  )
  const { steps, together, other } = found[0]!
  assert.deepEqual(
    steps.map(({ operation, input }) => [operation, input]),
    [
      ['put', { key: (steps[0]!.input as { key: string }).key, amount: 1 }],
      ['total', { key: (steps[0]!.input as { key: string }).key }],
    ],
  )
  assert.deepEqual(
    [together, other],
    [
      { kind: 'answer', value: 1 },
      { kind: 'answer', value: 2 },
    ],
  )
})

test('errors, identity, lost answers and streams that run ahead are found as well', async () => {
  const other: Readonly<Record<string, Placement>> = {
    'other words': broken((route) => ({
      ...route,
      call: (input, context) =>
        route.call(input, context).catch((error: unknown) => {
          if (error instanceof CallError) throw new CallError(error.code, `${error.message}.`, { details: error.details })
          throw error
        }),
    })),
    'no copies': broken((route) => {
      let last: unknown
      return { ...route, call: async (input, context) => (last ??= await route.call(input, context)) }
    }),
  }
  for (const [name, placement] of Object.entries(other)) {
    const report = await checkPlacement({ system: shop, placements: [placement], runs: 12, attempts: 20 })
    assert.equal(report.ok, false, name)
  }
})

test('a service that keeps its state in memory is found: its copies do not answer as one', async () => {
  const report = await checkPlacement({ system: shop, placements: [inCopies()], runs: 12, attempts: 30 })
  assert.deepEqual(report.placements, ['together', 'with 2 copies of each service'])
  const [found, ...others] = report.services[0]!.operations.flatMap((row) => row.findings)
  assert.deepEqual(others, [])
  assert.deepEqual([found?.operation, found?.placement], ['total', 'with 2 copies of each service'])
  assert.throws(() => inCopies({ copies: 0 }), /copies/)
})

test('what is never the same twice is compared by itself first, and said', async () => {
  let made = 0
  const chancy = (): System =>
    system('chancy', {
      services: [
        service(
          contract('chancy', {
            version: '1.0.0',
            owner: 'tests',
            operations: { next: query({ output: z.object({ id: z.int(), fixed: z.literal('f') }) }) },
          }),
          { handlers: { next: () => ({ id: made++, fixed: 'f' as const }) } },
        ),
      ],
    })
  const report = await checkPlacement({ system: chancy, placements: [placements.unix], runs: 5 })
  assert.equal(report.ok, true, describeReport(report))
  assert.deepEqual(report.services[0]!.operations[0]!.varying, ['.value.id'])
  assert.match(describeReport(report), /compared by kind only, as they vary by themselves: next\.value\.id/)
})

test('the same seed asks the same', async () => {
  const options = { system: shop, placements: [], runs: 10, seed: 3 } as const
  assert.deepEqual(await checkPlacement(options), await checkPlacement(options))
})

test('a system that no other process can find is refused there', async () => {
  await assert.rejects(
    checkPlacement({ system: shop, placements: [placements.process], runs: 1 }),
    /^TypeError: Cannot place the system in another process: no file says where it is; give "file"$/,
  )
  await assert.rejects(
    checkPlacement({ system: shop, placements: [placements.process], file: HOSTILE, name: 'missing', runs: 1 }),
    /exports no "missing"/,
  )
})

const Odd = contract('odd', {
  version: '1.0.0',
  owner: 'tests',
  operations: { when: query({ output: z.date() }), find: query({ output: z.int() }), drop: command({}) },
})

test('an operation that never answered well is named with its errors, and not called equal', async () => {
  const gone = (): never => {
    throw new CallError('NOT_FOUND', 'There is none')
  }
  const odd = (find: () => number): System =>
    system('odd', { services: [service(Odd, { handlers: { when: () => new Date(0), find, drop: gone } })] })
  const seldom = await checkPlacement({ system: odd(() => 1), placements: [placements.tcp], runs: 4 })
  const text = describeReport(seldom, 120)
  assert.match(text, /^odd +equal but for 1 operation; 3 operations, 12 calls/m)
  assert.match(text, /^ +never answered well, so only their errors were compared: drop \((?:\w+, )*NOT_FOUND(?:, \w+)*\)$/m)
  assert.match(text, /No difference found, but 1 operation never answered well: what they answer was not compared\.$/)
  const none = await checkPlacement({
    system: system('odd', { services: [service(Odd, { handlers: { when: gone, find: gone, drop: gone } })] }),
    ...{ placements: [placements.tcp], runs: 2 },
  })
  assert.match(describeReport(none), /^odd +not compared; /m)
})

test('two moments that differ come with the usual causes, the cure, and the line that asked for the time', async () => {
  const line = Number(/placement\.test\.ts:(\d+)/.exec(new Error('here').stack!)![1]) + 1
  const when = (_: unknown, { caller }: CallContext): Date => new Date(Date.now() * Number(caller === 'far'))
  const far = broken((route) => ({ ...route, call: (input, context) => route.call(input, { ...context, caller: 'far' }) }))
  const report = await checkPlacement({
    system: system('odd', { services: [service(Odd, { handlers: { when, find: () => 1, drop: () => {} } })] }),
    ...{ placements: [far], runs: 8, attempts: 4 },
  })
  assert.equal(report.ok, false)
  const text = describeReport(report, 400)
  assert.match(text, /differs on a broken road: two moments/)
  assert.match(text, /take "clock", "random" and "ids" of the context/)
  assert.match(text, new RegExp(`Date\\.now \\(.*placement\\.test\\.ts:${line}:\\d+\\)`))
})
