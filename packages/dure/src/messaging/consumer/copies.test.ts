import assert from 'node:assert/strict'
import { test } from 'node:test'
import { elsewhere, noSql } from '../../data/adapter.conformance.ts'
import type { ParkedMessage } from '../../data/data.ts'
import { effectOf, QUICK, type Handle } from '../consumer.test-support.ts'
import { until } from '../numbered.conformance.ts'
import { makeCopies, numbered, type Copies } from './copies.test-support.ts'

const PATIENT = { ...QUICK, attempts: 1_000, crashes: 2 }
/** So long that a second try is only made by somebody else. */
const SELDOM = { ...PATIENT, first: 3_600_000, max: 3_600_000 }
const slow = { timeout: 60_000 }
const fenced = { name: 'FencedError' }

/** A reaction that fails with these numbers for as long as they are in the set. */
const failing = (broken: ReadonlySet<number>, retry = PATIENT, tried?: Handle) =>
  effectOf(
    async (n, received, tx) => {
      await tried?.(n, received, tx)
      if (broken.has(n)) throw new Error(`not ${n}`)
    },
    { retry },
  )

const parked = ({ store }: Copies): Promise<readonly ParkedMessage[]> =>
  store.records.parked.read({ consumer: 'test/count', key: 'k', limit: 10 })
const numberOf = ({ message }: ParkedMessage): number => JSON.parse(message.data).n

test('a healthy handover with a parked key keeps its order: the next member knows what waits', slow, async (t) => {
  const copies = await makeCopies(t)
  const broken = new Set([3])
  const [a, b] = [await copies.start(failing(broken)), await copies.start(failing(broken))]
  const [one, two, three, four, five] = numbered(1, 2, 3, 4, 5)
  await a.assign()
  await a.bring(one!, two!, three!)
  await a.bring(four!)
  await a.revoke()
  assert.equal(a.consumer.status().waiting, 0, 'what was given back is nothing to it')
  await b.assign()
  await b.bring(five!)
  assert.deepEqual((await parked(copies)).map(numberOf), [3, 4, 5])
  broken.clear()
  await until(async () => (await copies.effects()).length === 5)
  assert.deepEqual(await copies.effects(), [1, 2, 3, 4, 5])
})

test('a batch that stood still while another member took over is refused, and is no duplicate', slow, async (t) => {
  const copies = await makeCopies(t)
  const [a, b] = [await copies.start(failing(new Set())), await copies.start(failing(new Set()))]
  const [one, two, three] = numbered(1, 2, 3)
  await a.assign()
  const thaw = a.freeze()
  const late = a.bring(one!, two!)
  await b.assign()
  await b.bring(one!, two!, three!)
  await until(async () => (await copies.effects()).length === 3)
  thaw()
  await assert.rejects(late, fenced)
  assert.deepEqual([a.consumer.status().handled, a.consumer.status().duplicates], [0, 0])
  assert.deepEqual(await copies.effects(), [1, 2, 3])
  // What it is brought from then on is not its own either, whatever it believes.
  await assert.rejects(a.bring(three!), { code: 'ABORTED' })
})

test('a batch of an epoch of the past has no effect, though nobody else has had it yet', slow, async (t) => {
  const copies = await makeCopies(t)
  const [a, b] = [await copies.start(failing(new Set())), await copies.start(failing(new Set()))]
  await a.assign()
  const thaw = a.freeze()
  const late = a.bring(...numbered(1, 2))
  await b.assign()
  thaw()
  await assert.rejects(late, fenced)
  assert.deepEqual(await copies.effects(), [])
})

test('what a frozen member wanted to park is not parked: its successor has had it', slow, async (t) => {
  const copies = await makeCopies(t)
  const broken = new Set([1])
  let thaw: (() => void) | undefined
  let tries = 0
  // Once with others, and once alone; then it is to be parked.
  const a = await copies.start(failing(broken, SELDOM, () => void (++tries === 2 && (thaw = a.freeze()))))
  const b = await copies.start(failing(new Set()))
  const [one, two] = numbered(1, 2)
  await a.assign()
  const late = a.bring(one!)
  late.catch(() => {})
  await until(() => thaw !== undefined)
  await b.assign()
  await b.bring(one!, two!)
  await until(async () => (await copies.effects()).length === 2 && (await parked(copies)).length === 0)
  thaw!()
  await assert.rejects(late, fenced)
  assert.deepEqual([await copies.effects(), await parked(copies)], [[1, 2], []])
  assert.equal(a.consumer.status().parked, 0)
})

/** Where transactions run one after another, nobody raises while one stands still. */
const overlapping = elsewhere === false ? 'only where transactions overlap' : noSql

test(
  'what was about to be committed when another member took over is not, and is not missed by it',
  { ...slow, skip: overlapping },
  async (t) => {
    const copies = await makeCopies(t)
    let thaw: (() => void) | undefined
    let tries = 0
    const a = await copies.start(failing(new Set([1]), SELDOM, () => void (++tries === 2 && (thaw = a.freezeCommits()))))
    const b = await copies.start(failing(new Set()))
    const [one, two] = numbered(1, 2)
    await a.assign()
    // It is parked, but for the commit.
    const late = a.bring(one!).catch((error: unknown) => error)
    await until(a.committing)
    await b.assign()
    thaw!()
    assert.ok((await late) instanceof Error)
    assert.deepEqual(await parked(copies), [])
    await b.bring(one!, two!)
    await until(async () => (await copies.effects()).length === 2)
    assert.deepEqual(await copies.effects(), [1, 2])
  },
)

test('tries of a lost partition end: they are not counted, and nothing is tried there any more', slow, async (t) => {
  const copies = await makeCopies(t)
  const broken = new Set([1])
  const tries: string[] = []
  const a = await copies.start(failing(broken, PATIENT, () => void tries.push('a')))
  const b = await copies.start(failing(broken, SELDOM, () => void tries.push('b')))
  await a.assign()
  await a.bring(...numbered(1))
  await until(() => tries.length > 3)
  const thaw = a.freeze()
  await b.assign()
  await until(async () => tries.includes('b') && (await parked(copies)).every(({ started, finished }) => started === finished))
  const [before] = await parked(copies)
  const count = tries.length
  thaw()
  // It has found out and dropped the partition, and with it the timers of what is parked there.
  await until(() => a.consumer.status().inHand === 0 && a.consumer.status().waiting === 0)
  const [after] = await parked(copies)
  assert.deepEqual([after!.started, after!.revision], [before!.started, before!.revision])
  assert.ok(tries.slice(count).filter((who) => who === 'a').length <= 1, 'a try that was under way')
})

test('a member that joins, or takes over from a living one, books no crash', slow, async (t) => {
  const copies = await makeCopies(t)
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const broken = new Set([1])
  const hands: { held?: Promise<void> } = {}
  let trying = false
  const a = await copies.start(
    failing(broken, PATIENT, async () => {
      trying = hands.held !== undefined
      await hands.held
    }),
  )
  await a.assign()
  await a.bring(...numbered(1))
  hands.held = held
  await until(() => trying)
  const b = await copies.start(failing(broken, SELDOM))
  assert.equal((await parked(copies))[0]!.crashes, 0)
  const revoking = a.revoke()
  release()
  await revoking
  await b.assign()
  const [row] = await parked(copies)
  assert.deepEqual([row!.crashes, row!.state], [0, 'waiting'])
})

test('a member that lost its partition and has it again books no crash against itself', slow, async (t) => {
  const copies = await makeCopies(t)
  const { promise: never, resolve: end } = Promise.withResolvers<void>()
  let tries = 0
  const hanging = { ...failing(new Set([1])), prepare: async () => void (++tries > 1 && (await never)) }
  const a = await copies.start(hanging)
  await a.assign()
  await a.bring(...numbered(1))
  await until(() => tries === 2)
  await a.assign()
  assert.deepEqual(
    (await parked(copies)).map(({ crashes, state }) => [crashes, state]),
    [[0, 'waiting']],
  )
  end()
})

test('a try that a member did not end which lost its partition is a crash of the message', slow, async (t) => {
  const copies = await makeCopies(t)
  const { promise: never, resolve: end } = Promise.withResolvers<void>()
  let tries = 0
  // It is prepared for ever, outside any transaction: nobody waits for that.
  const hanging = { ...failing(new Set([1])), prepare: async () => void (++tries > 1 && (await never)) }
  const [a, b] = [await copies.start(hanging), await copies.start(failing(new Set([1]), SELDOM))]
  await a.assign()
  await a.bring(...numbered(1))
  await until(() => tries === 2)
  await b.assign()
  const told = async () => (await parked(copies)).map(({ crashes, started, finished }) => [crashes, started, finished])
  // The new owner tries it at once.
  while ((await told())[0]?.[2] !== 3) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(await told(), [[1, 3, 3]])
  end()
})

test('a member whose broker gave the partition to another before is refused', slow, async (t) => {
  const copies = await makeCopies(t)
  const [a, b] = [await copies.start(failing(new Set())), await copies.start(failing(new Set()))]
  await b.assign(2)
  await assert.rejects(a.assign(1), { code: 'ABORTED', message: /its broker has given it to another member since/ })
  await b.bring(...numbered(1))
  assert.deepEqual(await copies.effects(), [1])
})

test('a decision on a dead letter that was made through another copy reaches its owner', slow, async (t) => {
  const copies = await makeCopies(t)
  const broken = new Set([1])
  const [a, b] = [
    await copies.start(failing(broken, { ...PATIENT, attempts: 1 })),
    await copies.start(failing(broken, { ...PATIENT, attempts: 1 })),
  ]
  await a.assign()
  await a.bring(...numbered(1, 2, 3))
  assert.equal(a.consumer.status().dead, 3)
  // Both tell what the store has.
  const told = await Promise.all([a, b].map(({ consumer }) => consumer.readings()))
  assert.deepEqual(told[0], told[1])
  assert.deepEqual(
    told[1]!.map(({ deadLetters, held }) => [deadLetters, held]),
    [[1, 2]],
  )
  broken.clear()
  assert.equal(await b.consumer.deadLetters.retry(), 1)
  await until(async () => (await copies.effects()).length === 3)
  assert.deepEqual(await copies.effects(), [1, 2, 3])
})
