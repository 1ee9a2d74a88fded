import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, type Message } from 'dure/contract'
import { publishInKeyOrder } from 'dure/messaging/adapter'
import { describeOutcome, explore, type Outcome, type Simulation } from '../simulation.ts'
import { keeping, LOST, ORDER, REST } from './ledger.test-support.ts'

/** Mistakes of adapters to brokers that can do less than the embedded one, each beside how it is done. */
type Between = NonNullable<Simulation['broker']>

/** A broker that takes each message by itself, and loses some on their way to it. */
function inParts(
  publishAll: (messages: readonly Message[], take: (message: Message) => Promise<void>) => Promise<void>,
): Between {
  return (broker, { runtime: { random, timers } }) => ({
    ...broker,
    publish: (messages) =>
      publishAll(messages, async (message) => {
        await timers.sleep(random.number() * 5)
        if (random.number() < 0.1) throw new CallError('UNAVAILABLE', 'The message was lost on its way')
        await broker.publish([message])
      }),
  })
}

const sideBySide = async (messages: readonly Message[], take: (message: Message) => Promise<void>): Promise<void> => {
  const [failed] = (await Promise.allSettled(messages.map(take))).filter(({ status }) => status === 'rejected')
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
}

/** A broker that keeps nothing of what was published before a group was there; `lasting` ones are there while they have no member. */
function withoutLog(lasting: boolean): Between {
  return (broker) => ({
    ...broker,
    declareGroup: (options) => broker.declareGroup({ ...options, from: 'end' }),
    subscribe: async (options) => {
      const { group, topics } = options
      // One that has members is not moved.
      if (!lasting) await Promise.all(topics.map((topic) => broker.seek({ group, topic, to: 'end' }).catch(() => {})))
      return broker.subscribe({ ...options, from: 'end' })
    },
  })
}

const MISTAKES: readonly (readonly [what: string, broken: Between, sound: Between, found: readonly string[]])[] = [
  ['a list is published side by side', inParts(sideBySide), inParts(publishInKeyOrder), [ORDER]],
  ['a group is there while it has members, and misses what comes without them', withoutLog(false), withoutLog(true), [LOST]],
]

/** Within so many seeds each is found. */
const SEEDS = 100

for (const [what, broken, sound, found] of MISTAKES) {
  test(`adapters, found: ${what}`, { timeout: 300_000 }, async (t) => {
    const how = { failures: 1, verify: 0 }
    const report = await explore({ ...how, simulation: () => keeping(undefined, { broker: broken }), seeds: SEEDS })
    const [first] = report.failures
    assert.ok(first !== undefined, `not found in ${SEEDS} seeds`)
    assert.ok(found.includes(brokenBy(first)), describeOutcome(first))
    const healthy = await explore({
      ...how,
      simulation: () => keeping(undefined, { broker: sound }),
      seeds: Math.max(5, report.seeds),
    })
    assert.deepEqual(healthy.failures.map(describeOutcome), [])
    t.diagnostic(`seed ${first.seed}: ${brokenBy(first)}`)
  })
}

function brokenBy(outcome: Outcome): string {
  if (outcome.kind === 'stuck') return REST
  return outcome.kind === 'violated' ? outcome.invariant : outcome.kind
}
