import { type Broker } from '../messaging/messaging.ts'
import { lacking } from '../messaging/internal.ts'
import { SystemError } from '../contract/internal.ts'
import type { System, World } from './system.ts'
import type { Disposables } from './disposables.ts'

/** The broker as its adapter makes it. @throws {SystemError} naming what the system needs and the broker lacks */
export async function ownBroker(system: System, world: World, disposables: Disposables): Promise<Broker> {
  const broker = await system.broker(world)
  disposables.add('broker', ({ timeout }) => broker.stop({ timeout }))
  const problems = lacking(broker, needsOf(system))
  if (problems.length > 0) throw new SystemError(`Cannot start system "${system.name}"`, problems)
  for (const { topic, partitions, retention } of system.services.flatMap(({ contract }) => contract.events))
    await broker.declareTopic(topic, { partitions, retention })
  // Before anything is published: who declares itself later would have missed it, on a broker that keeps no log.
  for (const { contract, reactions } of system.services) {
    for (const { kind, event, name } of reactions)
      if (kind === 'topic') await broker.declareGroup({ group: `${contract.name}/${name}`, topics: [event.topic] })
  }
  return broker
}

function needsOf({ services }: System): Parameters<typeof lacking>[1] {
  return services.flatMap(({ contract, reactions, requires = [] }) => [
    ...contract.events.map(({ name }) => {
      return { capability: 'topics' as const, for: `Service "${contract.name}" announces "${name}"` }
    }),
    ...reactions.map(({ kind, event }) => {
      const capability = kind === 'queue' ? ('queues' as const) : ('ordered' as const)
      return { capability, for: `Service "${contract.name}" ${kind === 'queue' ? 'works on' : 'reacts to'} "${event.name}"` }
    }),
    ...requires.map((capability) => ({ capability, for: `Service "${contract.name}" requires "${capability}"` })),
  ])
}
