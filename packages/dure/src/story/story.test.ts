import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { CallError, command, contract, event } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { embeddedBroker, queue } from '../messaging/messaging.ts'
import { saga } from '../saga/saga.ts'
import { service, start, system, type Running, type System } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { tellStory, type Story, type StoryReaction } from './story.ts'

const of = { schema: z.object({ id: z.string() }), key: ({ id }: { readonly id: string }) => id }
const Placed = event('order.placed', of)
const Mailed = event('order.mailed', of)
const Pick = queue('pick', of)
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: { place: command({ input: z.string() }) },
  events: [Placed, Pick],
})
const nothing = database({ migrations: {} })

/** Orders are mailed, and picked by work on a queue. */
function shop(how: { readonly mail?: () => Promise<void> | void; readonly takes?: () => boolean } = {}): System {
  const orders = service(Orders, {
    database: nothing,
    handlers: {
      place: (id, { database }) =>
        database.transaction(async (tx) => {
          await tx.publish(Placed, { id })
          await tx.send(Pick, { id })
        }),
    },
    subscriptions: ({ work }) => [work(Pick, () => {})],
  })
  const mail = service(contract('mail', { version: '1.0.0', owner: 'tests', operations: {}, events: [Mailed] }), {
    ...{ database: nothing, handlers: {} },
    subscriptions: ({ on }) => [
      on(Placed, async ({ data }, { tx }) => {
        await how.mail?.()
        await tx.publish(Mailed, data)
      }),
    ],
  })
  return system('shop', {
    ...{ services: [orders, mail], telemetry: false },
    broker: async (world) => {
      const broker = await embeddedBroker({ durability: 'process' })(world)
      const publish: typeof broker.publish = async (messages) => {
        if (how.takes?.() === false) throw new CallError('UNAVAILABLE', 'Not now')
        await broker.publish(messages)
      }
      return { ...broker, publish }
    },
  })
}

async function begin(t: TestContext, made: System, parts: readonly (readonly string[] | undefined)[] = [undefined]) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-story-'))
  const running: Running[] = []
  for (const part of parts) running.push(await start(made, { directory, log: silentLogger(), ...(part && { part }) }))
  t.after(async () => {
    for (const one of running.toReversed()) await one.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return running
}

const until = async (running: Running, about: string, there: (story: Story) => boolean): Promise<Story> => {
  for (;;) {
    const story = await tellStory(running, { about })
    if (there(story)) return story
    await sleep(20)
  }
}
const reactionOf = ({ messages }: Story, consumer: string): StoryReaction | undefined =>
  messages.flatMap(({ reactions }) => reactions).find((one) => one.consumer === consumer)

test('in several processes the story is the same, and of a service that is away it is said', { timeout: 300_000 }, async (t) => {
  const [here, mail] = await begin(t, shop(), [['broker', 'orders'], ['mail']])
  await here!.client(Orders).place('a')
  const told = await until(here!, 'a', ({ state, messages }) => state === 'done' && messages.length === 2)
  assert.deepEqual(
    told.messages.map(({ type, by, source, kind }) => [type, by, source, kind]),
    [
      ['order.placed', undefined, 'orders', 'topic'],
      ['order.mailed', 'mail/order.placed', 'mail', 'topic'],
    ],
  )
  assert.deepEqual((await tellStory(mail!, { about: 'a' })).messages, told.messages)
  await mail!.stop()
  await here!.client(Orders).place('b')
  const away = await until(here!, 'b', ({ messages }) => messages.length > 0)
  assert.equal(reactionOf(away, 'mail/order.placed')?.state, 'unknown')
  assert.match(away.unseen.join('\n'), /^Service "mail" does not answer: /m)
})

test('what waits is told by where it waits: in an outbox, unread, on a queue', { timeout: 300_000 }, async (t) => {
  const { promise, resolve: open } = Promise.withResolvers<void>()
  let takes = false
  const [here] = await begin(t, shop({ mail: () => promise, takes: () => takes }))
  await here!.client(Orders).place('a')
  const unsent = await until(here!, 'a', ({ messages }) => messages.some(({ type }) => type === 'order.placed'))
  assert.equal(unsent.messages.find(({ type }) => type === 'order.placed')!.state, 'waiting')
  assert.deepEqual([unsent.state, reactionOf(unsent, 'mail/order.placed')!.state], ['waiting', 'unsent'])
  takes = true
  const unread = await until(here!, 'a', (story) => reactionOf(story, 'mail/order.placed')?.state === 'unread')
  assert.deepEqual([unread.state, reactionOf(unread, 'mail/order.placed')!.unread], ['waiting', 1])
  open()
  await until(here!, 'a', ({ state, messages }) => state === 'done' && messages.length === 2)
})

test('bounds are kept, and what they leave out is said', { timeout: 300_000 }, async (t) => {
  const [here] = await begin(t, shop())
  for (let n = 0; n < 3; n++) await here!.client(Orders).place('a')
  await until(here!, 'a', ({ state, messages }) => state === 'done' && messages.length === 6)
  const some = await tellStory(here!, { about: 'a', limit: 2 })
  assert.match(some.cutOff.join(), /There are more messages than were asked for/)
  assert.ok(some.messages.length < 6)
  const none = await tellStory(here!, { about: 'nobody' })
  assert.deepEqual([none.messages, none.correlationIds, none.began], [[], [], undefined])
  await assert.rejects(tellStory(here!, { about: '' }), { code: 'INVALID_ARGUMENT' })
})

test('a saga that has paused is in the story of its request, and found by its id', { timeout: 300_000 }, async (t) => {
  const trip = saga('trip', {
    input: z.object({ id: z.string() }),
    run: async (s) => {
      await s.step('fly', {
        do: () => {
          throw new Error('No wind')
        },
        retry: { attempts: 1 },
      })
    },
  })
  const Trips = contract('trips', {
    version: '1.0.0',
    owner: 'tests',
    operations: { begin: command({ input: z.string() }) },
    events: [Placed],
  })
  const trips = service(Trips, {
    ...{ database: nothing, extensions: [trip] },
    handlers: {
      begin: (id, { database }) =>
        database.transaction(async (tx) => {
          await tx.publish(Placed, { id: `order of ${id}` })
          await tx.begin(trip, { id }, { id })
        }),
    },
  })
  const [here] = await begin(t, system('travel', { services: [trips], telemetry: false }))
  await here!.client(Trips).begin('t1')
  const paused = ({ sagas }: Story): boolean => sagas[0]?.state === 'paused'
  const told = await until(here!, 'order of t1', paused)
  assert.deepEqual([told.state, told.sagas.map(({ saga: name, id }) => [name, id])], ['failed', [['trip', 't1']]])
  assert.match(told.reasons[0]!, /^Saga trip "t1" has paused: Step "fly" failed/)
  const byId = await tellStory(here!, { about: 't1' })
  assert.deepEqual([byId.sagas.length, byId.messages.map(({ type }) => type)], [1, ['order.placed']])
})
