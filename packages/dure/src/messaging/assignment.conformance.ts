import assert from 'node:assert/strict'
import type { SubscribeOptions } from './topics.ts'
import { numberOf, until } from './numbered.conformance.ts'
import { collector, type Register, type Rig } from './rig.conformance.ts'

/** Members that write down which partitions are theirs, and everything that should not be. */
function watched(rig: Rig) {
  const holders = new Map<number, string>()
  const epochs = new Map<number, number>()
  const wrong: string[] = []
  const came = new Set<number>()
  const member = (name: string, revoked: () => Promise<void> = async () => {}): SubscribeOptions => ({
    group: 'g',
    topics: [rig.topic],
    batch: 3,
    assigned: async ({ partition, epoch }) => {
      if (holders.has(partition)) wrong.push(`${partition} went to ${name} while ${holders.get(partition)} had it`)
      if (epoch <= (epochs.get(partition) ?? 0)) wrong.push(`${partition} went to ${name} in an epoch of the past`)
      await rig.runtime.timers.sleep(1)
      holders.set(partition, name)
      epochs.set(partition, epoch)
    },
    revoked: async ({ partition }) => {
      await revoked()
      if (holders.get(partition) !== name) wrong.push(`${partition} was taken from ${name}, who had it not`)
      holders.delete(partition)
    },
    deliver: async (batch, { partition }) => {
      if (holders.get(partition) !== name) wrong.push(`${name} was given messages of ${partition}, which is not its own`)
      await rig.runtime.timers.sleep(1)
      for (const { message } of batch) came.add(numberOf(message))
    },
  })
  const has = (name: string): number => [...holders.values()].filter((holder) => holder === name).length
  return { member, has, wrong, came, epochs }
}

/** The cases of assignment: who is told what, in which order, and who waits for whom. */
export function assignmentConformance(broker: Register): void {
  broker('tells members which partitions are theirs: a late one gets its share when the other has given it back', async (rig) => {
    const { broker: b, topic } = rig
    await b.declareTopic(topic, { partitions: 4 })
    assert.equal(await b.partitions(topic), 4)
    const { member, has, wrong, came, epochs } = watched(rig)
    const slow = Promise.withResolvers<void>()
    const first = await b.subscribe(member('first', () => slow.promise))
    await until(() => has('first') === 4)
    await b.publish(Array.from({ length: 40 }, (_, n) => rig.message(`k${n}`, n)))
    const before = new Map(epochs)
    const late = await b.subscribe(member('late'))
    await until(() => came.size > 0)
    // The one that does not answer keeps what it has not given back.
    assert.deepEqual([has('first'), has('late')], [4, 0])
    slow.resolve()
    await until(() => has('first') === 2 && has('late') === 2)
    // Who could keep a partition was not asked for it.
    assert.equal([...epochs].filter(([partition, epoch]) => before.get(partition) === epoch).length, 2)
    await b.publish(Array.from({ length: 40 }, (_, n) => rig.message(`k${n}`, 40 + n)))
    await first.stop()
    await until(() => has('late') === 4 && came.size === 80)
    await late.stop()
    assert.equal(has('late'), 0)
    assert.deepEqual(wrong, [])
  })
}

/** A member may keep its positions itself. */
export function positionConformance(broker: Register): void {
  broker('reads from where a member says, and asks again one that could not say it', async (rig) => {
    const { broker: b, topic } = rig
    await b.declareTopic(topic, { partitions: 1 })
    await b.publish([1, 2, 3].map((n) => rig.message('a', n)))
    const all = collector()
    const first = await b.subscribe({ group: 'g', topics: [topic], deliver: all.deliver })
    await until(() => all.ids.size === 3)
    await first.stop()
    const after = all.deliveries.find(({ message }) => numberOf(message) === 1)!.position
    const again = collector()
    const errors: unknown[] = []
    await b.subscribe({
      group: 'g',
      topics: [topic],
      deliver: again.deliver,
      onError: (error) => void errors.push(error),
      assigned: async () => {
        if (errors.length === 0) throw new Error('its store is away')
        return { after }
      },
    })
    await until(() => again.ids.size === 2)
    assert.deepEqual(
      again.deliveries.map(({ message }) => numberOf(message)),
      [2, 3],
    )
  })
}

/** Epochs outlive the broker. */
export function epochConformance(broker: Register): void {
  broker('epochs grow over a restart', async (rig) => {
    await rig.broker.declareTopic(rig.topic, { partitions: 1 })
    const seen: number[] = []
    const join = () =>
      rig.broker.subscribe({
        group: 'g',
        topics: [rig.topic],
        deliver: async () => {},
        assigned: async ({ epoch }) => void seen.push(epoch),
      })
    await join()
    await until(() => seen.length === 1)
    await rig.restart()
    await join()
    await until(() => seen.length === 2)
    assert.ok(seen[1]! > seen[0]!, seen.join())
  })
}
