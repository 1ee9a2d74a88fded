import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { CallError, command, contract, error, event, query, request } from '../contract/contract.ts'
import { noSql, testAdapter } from '../data/adapter.conformance.ts'
import { database } from '../data/data.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { service, start, system } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import type { Completion, Task, Wanted } from './schemas.ts'
import { externalTasks } from './tasks.ts'

const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ left: z.int() }) })
const Reserve = request('reserve-stock', {
  key: ({ order }) => order,
  input: z.object({ order: z.string(), at: z.date() }),
  output: z.object({ left: z.int() }),
  errors: { OutOfStock },
})
const Answered = event('reserve.answered', { schema: z.object({ order: z.string() }), key: ({ order }) => order })
/** Who began what was answered. */
const beginners = new Map<string, string | undefined>()
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: { place: command({ input: z.string(), output: z.string() }), outcomes: query({ output: z.array(z.string()) }) },
  events: [Answered],
})
const orders = service(Orders, {
  database: database<{ outcomes: { text: string } }>({ migrations: { '001': 'CREATE TABLE outcomes (text TEXT NOT NULL)' } }),
  handlers: {
    place: (order, { database: own }) => own.transaction((tx) => tx.request(Reserve, { order, at: new Date(0) })),
    outcomes: async (_, { database: own }) =>
      (await own.read.selectFrom('outcomes').select('text').execute()).map(({ text }) => text),
  },
  subscriptions: ({ on, replies }) => [
    on(Answered, ({ data, initiator }) => void beginners.set(data.order, initiator)),
    replies(Reserve, async (reply, { tx }) => {
      const text = `${reply.key}: ${reply.ok ? reply.value.left : reply.error.code}`
      await tx.insertInto('outcomes').values({ text }).execute()
      await tx.publish(Answered, { order: reply.key })
    }),
  ],
})

type Worker = {
  readonly fetch: (wanted: Wanted) => Promise<{ readonly tasks: readonly Task[] }>
  readonly complete: (completion: Completion) => Promise<void>
}

async function open(t: TestContext, attempts?: number) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-tasks-'))
  const real = realRuntime()
  let ahead = 0
  const runtime = { ...real, clock: { ...real.clock, now: () => real.clock.now() + ahead } }
  const handing = externalTasks('stock-tasks', { requests: [Reserve], ...(attempts !== undefined && { attempts }) })
  const running = await start(system('shop', { services: [orders, handing], database: testAdapter as never }), {
    directory,
    log: silentLogger(),
    runtime,
  })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const worker = running.client(handing.contract) as unknown as Worker
  const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
    for (;;) {
      const found = await look()
      if (found !== undefined) return found
      await new Promise((resolve) => void setTimeout(resolve, 2))
    }
  }
  return {
    worker,
    until,
    place: running.client(Orders).place,
    placeFor: (subject: string) => running.client(Orders, { principal: { subject, kind: 'user', scopes: [], roles: [] } }).place,
    /** As soon as there are so many. */
    fetched: (count: number) =>
      until(async () => {
        const { tasks } = await worker.fetch({ max: 100 })
        return tasks.length >= count ? tasks : undefined
      }),
    outcomes: (count: number) =>
      until(async () => {
        const found = await running.client(Orders).outcomes()
        return found.length >= count ? found : undefined
      }),
    later: (ms: number) => void (ahead += ms),
  }
}

const codeOf = (wanted: string) => (thrown: unknown) => thrown instanceof CallError && thrown.code === wanted
const options = { skip: noSql, timeout: 60_000 }

test('a worker fetches a task and completes it: its requester hears the output, or the declared error', options, async (t) => {
  const { worker, place, fetched, outcomes } = await open(t)
  const id = await place('a')
  const [task] = await fetched(1)
  assert.deepEqual([task!.id, task!.request, task!.key, task!.attempt], [id, 'reserve-stock', 'a', 1])
  assert.deepEqual(task!.data, { order: 'a', at: '1970-01-01T00:00:00.000Z' })
  await worker.complete({ id, lease: task!.lease, output: { left: 3 } })
  await place('b')
  const [second] = await fetched(1)
  await worker.complete({ id: second!.id, lease: second!.lease, error: { code: 'OUT_OF_STOCK', data: { left: 0 } } })
  assert.deepEqual(await outcomes(2), ['a: 3', 'b: OUT_OF_STOCK'])
})

test('a task says who began it, and so does the answer', options, async (t) => {
  const { worker, place, placeFor, fetched, until } = await open(t)
  await placeFor('ana')('ofAna')
  await place('ofNobody')
  const tasks = [...(await fetched(1))]
  if (tasks.length < 2) tasks.push(...(await fetched(1)))
  assert.deepEqual(tasks.map(({ key, initiator }) => [key, initiator]).toSorted(), [
    ['ofAna', 'ana'],
    ['ofNobody', undefined],
  ])
  for (const { id, lease } of tasks) await worker.complete({ id, lease, output: { left: 1 } })
  await until(async () => (beginners.has('ofAna') && beginners.has('ofNobody') ? true : undefined))
  assert.deepEqual([beginners.get('ofAna'), beginners.get('ofNobody')], ['ana', undefined])
})

test('what a worker leaves is another one’s when the lease is over, and only that one answers', options, async (t) => {
  const { worker, place, fetched, outcomes, later } = await open(t)
  await place('a')
  const [first] = await fetched(1)
  assert.deepEqual((await worker.fetch({})).tasks, [])
  later(61_000)
  const [second] = await fetched(1)
  assert.deepEqual([second!.id, second!.attempt], [first!.id, 2])
  await assert.rejects(worker.complete({ id: first!.id, lease: first!.lease, output: { left: 1 } }), codeOf('ABORTED'))
  await worker.complete({ id: second!.id, lease: second!.lease, output: { left: 2 } })
  await assert.rejects(worker.complete({ id: second!.id, lease: second!.lease, output: { left: 2 } }), codeOf('ABORTED'))
  assert.deepEqual(await outcomes(1), ['a: 2'])
})

test('an answer that does not match is refused, and the task stays under its lease', options, async (t) => {
  const { worker, place, fetched, outcomes } = await open(t)
  await place('a')
  const [{ id, lease }] = (await fetched(1)) as [Task]
  for (const wrong of [
    { output: { left: 'few' } },
    { output: null },
    {},
    { error: { code: 'NO_SUCH' } },
    { error: { code: 'OUT_OF_STOCK' } },
  ])
    await assert.rejects(worker.complete({ id, lease, ...wrong }), codeOf('INVALID_ARGUMENT'), JSON.stringify(wrong))
  for (const wrong of [{ id: '', lease }, { id, lease, more: 1 }, null])
    await assert.rejects(worker.complete(wrong as never), codeOf('INVALID_ARGUMENT'))
  for (const wrong of [{ max: 0 }, { max: 1e9 }, { seconds: -1 }])
    await assert.rejects(worker.fetch(wrong), codeOf('INVALID_ARGUMENT'))
  await worker.complete({ id, lease, output: { left: 1 } })
  assert.deepEqual(await outcomes(1), ['a: 1'])
})

test('tasks of one key come one after another; one that nobody completes waits for a person', options, async (t) => {
  const { worker, place, fetched, later, outcomes } = await open(t, 2)
  const [one, , three] = [await place('a'), await place('a'), await place('b')]
  const first = await fetched(1)
  const all = first.length === 2 ? first : [...first, ...(await fetched(1))]
  assert.deepEqual(all.map(({ id }) => id).toSorted(), [one, three].toSorted())
  for (const { id, lease } of all) await worker.complete({ id, lease, output: { left: 1 } })
  assert.equal((await outcomes(2)).length, 2)
  for (let attempt = 1; attempt <= 2; attempt++) {
    assert.equal((await fetched(1))[0]!.attempt, attempt)
    later(61_000)
  }
  assert.deepEqual((await worker.fetch({})).tasks, [])
})
