import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '../contract/contract.ts'
import type { Capabilities } from './capabilities.ts'
import { withProcesses, type MakeServer, type Process, type ProcessRig } from './process-rig.conformance.ts'
import { firsts, numberOf, until } from './numbered.conformance.ts'

export type { ConformanceServer, ConnectModule, MakeServer, ProcessWorld } from './process-rig.conformance.ts'

/**
 * Registers the cases of several processes that have an adapter each to one server, with `node:test`: they are killed, stand
 * still, and share groups. For adapters whose server is somewhere else than they.
 *
 * @param options.module exports `connect`, which each process calls (`ConnectModule`)
 * @param options.server makes the server of one case, or says where the one of all cases is
 */
export function processConformance(
  name: string,
  options: { readonly module: URL; readonly server: MakeServer },
  capabilities: Capabilities,
): void {
  const processes = (title: string, work: (rig: ProcessRig) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout: 120_000 }, () => withProcesses(options, work))
  }
  if (!capabilities.topics) return
  groupCases(processes)
  publishCases(processes, capabilities)
}

type Register = (title: string, work: (rig: ProcessRig) => Promise<void>) => void

const join = ({ group, topic }: ProcessRig) => ({ what: 'subscribe', options: { group, topics: [topic] } }) as const

const declare = ({ topic }: ProcessRig, partitions: number) =>
  ({ what: 'declare topic', topic, options: { partitions } }) as const

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, n) => from + n)

/** Which partitions a process has, as far as it has told. */
function held(process: Process): ReadonlySet<number> {
  const has = new Set<number>()
  for (const { partition } of process.told('assigned')) has.add(partition)
  for (const { partition } of process.told('revoked')) has.delete(partition)
  return has
}

async function hasReadAll(rig: ProcessRig, process: Process): Promise<boolean> {
  const lag = await tried(() => process.lag())
  return lag !== undefined && lag.every((one) => one.group !== rig.group || one.lag === 0)
}

/** Publishes until it is taken, as an outbox does. */
async function publishTo(process: Process, messages: readonly Message[]): Promise<void> {
  while ((await tried(() => process.ask({ what: 'publish', messages }).then(() => true))) === undefined) {
    await new Promise((resolve) => void setTimeout(resolve, 50))
  }
}

/** Undefined when it failed, as anything may while the server is away; a process that has ended does no more. */
async function tried<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (String(error).includes('has ended')) throw error
    return undefined
  }
}

function groupCases(processes: Register): void {
  processes('two processes share a group, and each tells of both', async (rig) => {
    const [one, two] = [await rig.start('one'), await rig.start('two')]
    await one.ask(declare(rig, 4))
    await one.ask(join(rig))
    await until(() => held(one).size === 4)
    await two.ask(join(rig))
    await until(() => held(one).size === 2 && held(two).size === 2)
    const keys = range(20).map((key) => `k${key}`)
    for (const n of range(3))
      await publishTo(
        n % 2 === 0 ? one : two,
        keys.map((key) => rig.message(key, n)),
      )
    await until(() => new Set(rig.delivered().map(({ message }) => message.id)).size === 60)
    for (const key of keys) assert.deepEqual(firsts(rig.delivered(), key), [0, 1, 2], key)
    for (const process of [one, two]) {
      const members = (await process.lag()).filter(({ group }) => group === rig.group).map((lag) => lag.members)
      assert.deepEqual([...new Set(members)], [2])
    }
    await until(() => hasReadAll(rig, two))
    await one.ask({ what: 'stop' })
    await until(() => held(two).size === 4)
  })

  processes('what a killed process had goes to the other in a later epoch, with what it had in hand', async (rig) => {
    const [one, two] = [await rig.start('one'), await rig.start('two')]
    await one.ask(declare(rig, 1))
    await one.ask({ what: 'hold' })
    await one.ask(join(rig))
    await until(() => held(one).size === 1)
    await two.ask(join(rig))
    await publishTo(
      two,
      range(3).map((n) => rig.message('a', n)),
    )
    await until(() => one.told('delivered').length > 0)
    await one.kill()
    await until(() => two.told('delivered').flatMap(({ deliveries }) => deliveries).length >= 3)
    assert.deepEqual(
      firsts(
        two.told('delivered').flatMap(({ deliveries }) => deliveries),
        'a',
      ),
      [0, 1, 2],
    )
    const [before, after] = [one.told('assigned').at(-1)!, two.told('assigned').at(-1)!]
    assert.ok(after.epoch > before.epoch, `${after.epoch} after ${before.epoch}`)
    assert.equal(after.broker, before.broker)
  })

  processes('who stands still loses what it has, and what it settles afterwards counts for nothing', async (rig) => {
    const [one, two] = [await rig.start('one'), await rig.start('two')]
    await one.ask(declare(rig, 1))
    for (const process of [one, two]) await process.ask({ what: 'hold' })
    await one.ask(join(rig))
    await until(() => held(one).size === 1)
    await publishTo(
      two,
      range(3).map((n) => rig.message('a', n)),
    )
    await until(() => one.told('delivered').length > 0)
    await two.ask(join(rig))
    one.freeze()
    // The other has the same in hand, and has not settled it.
    await until(() => two.told('delivered').length > 0)
    const [before, after] = [one.told('assigned').at(-1)!, two.told('assigned').at(-1)!]
    assert.ok(after.epoch > before.epoch, `${after.epoch} after ${before.epoch}`)
    one.thaw()
    await one.ask({ what: 'release' })
    await until(() => one.told('settled').length > 0)
    // Whoever has it next begins where the second one, who never settled, did.
    await two.kill()
    const three = await rig.start('three')
    await three.ask(join(rig))
    const fence = rig.message('a', 99)
    await publishTo(three, [fence])
    const later = () => rig.happenings.slice(at).flatMap((one) => (one.what === 'delivered' ? one.deliveries : []))
    const at = rig.happenings.findLastIndex(({ by }) => by === 'two')
    await until(() => later().some(({ message }) => message.id === fence.id))
    assert.deepEqual(firsts(later(), 'a'), [0, 1, 2, 99])
  })

  processes('a message of a later release goes to a process that knows it', async (rig) => {
    const [old, next] = [await rig.start('old'), await rig.start('next')]
    await old.ask(declare(rig, 2))
    await old.ask({ what: 'be old' })
    await old.ask(join(rig))
    await until(() => held(old).size === 2)
    await next.ask(join(rig))
    const keys = range(8).map((key) => `k${key}`)
    await publishTo(
      old,
      keys.map((key) => ({ ...rig.message(key, 1), schemaVersion: 2 })),
    )
    const settled = () => next.told('delivered').flatMap(({ deliveries }) => deliveries.map(({ message }) => message.key))
    await until(() => new Set(settled()).size === keys.length)
  })

  processes('a group that one process declares misses nothing that another publishes before it has a member', async (rig) => {
    const [one, two] = [await rig.start('one'), await rig.start('two')]
    await one.ask({ what: 'declare group', options: { group: rig.group, topics: [rig.topic], from: 'end' } })
    await publishTo(
      two,
      range(3).map((n) => rig.message('a', n)),
    )
    await one.kill()
    const three = await rig.start('three')
    await three.ask(join(rig))
    await until(() => rig.delivered().length >= 3)
    assert.deepEqual(firsts(rig.delivered(), 'a'), [0, 1, 2])
  })
}

function publishCases(processes: Register, capabilities: Capabilities): void {
  const keys = range(6).map((key) => `k${key}`)
  /** Lists of messages, each of all keys. */
  const lists = (rig: ProcessRig, count: number): readonly (readonly Message[])[] =>
    range(count).map((n) => range(4).flatMap((step) => keys.map((key) => rig.message(key, n * 4 + step))))

  const assertAll = async (rig: ProcessRig, all: readonly (readonly Message[])[]): Promise<void> => {
    await until(() => new Set(rig.delivered().map(({ message }) => message.id)).size === all.flat().length)
    for (const key of keys) assert.deepEqual(firsts(rig.delivered(), key), range(all.length * 4), key)
    assert.equal(new Set(rig.delivered().map(({ message }) => numberOf(message))).size, all.length * 4)
  }

  processes('a publisher is killed in the middle; published again by another, each key has its order', async (rig) => {
    const reader = await rig.start('reader')
    await reader.ask(declare(rig, 3))
    await reader.ask(join(rig))
    const all = lists(rig, 30)
    for (let at = 0; at < all.length;) {
      const publisher = await rig.start(`publisher ${at}`)
      const goal = Math.min(at + 10, all.length)
      for (; at < goal; at++) await publishTo(publisher, all[at]!)
      if (at === all.length) break
      // It is killed with one on its way, which the next one publishes again.
      const last = publisher.ask({ what: 'publish', messages: all[at]! }).catch(() => {})
      await publisher.kill()
      await last
    }
    await assertAll(rig, all)
  })

  if (!capabilities.durable) return
  processes(
    'the server is killed and comes back under readers and publishers: all arrives, each key in its order',
    async (rig) => {
      if (rig.crash === undefined) return
      const [one, two] = [await rig.start('one'), await rig.start('two')]
      await one.ask(declare(rig, 3))
      for (const process of [one, two]) await process.ask(join(rig))
      await until(() => held(one).size + held(two).size === 3)
      const all = lists(rig, 40)
      let published = 0
      const publishing = (async () => {
        for (const list of all) {
          await publishTo(one, list)
          published++
        }
      })()
      for (const goal of [10, 25]) {
        await until(() => published >= goal)
        await rig.crash()
      }
      await publishing
      await assertAll(rig, all)
      await until(() => hasReadAll(rig, two))
    },
  )
}
