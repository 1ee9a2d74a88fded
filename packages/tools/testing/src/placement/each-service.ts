import { checkNumbers, COUNT } from 'dure/runtime/internal'
import type { Running, StoreAdapter } from 'dure/service'
import { start } from 'dure/service'
import { settler, type Copy, type CopyWorld, type Placement } from './copies.ts'

/** A database that nobody has written to, which several copies may have open at once. */
export type FreshDatabase = () => Promise<{ readonly database: StoreAdapter; readonly stop: () => Promise<void> }>

export type InCopiesOptions = {
  /** Asked once for each fresh start of the system. Not needed where no service has a database. */
  readonly database?: FreshDatabase
  /** Of each service, 1 to 64. Default 2. */
  readonly copies?: number
}

/**
 * Every service is started as a part of its own, beside a broker that all share: what they ask each other goes through
 * sockets and the registry, as in a system that is split. The parts stay in this process, which makes no difference to
 * them and a large one to how soon they have started.
 */
export const eachAlone: Placement = { name: 'with each service alone', open: (world) => open(world, { copies: 1 }) }

/**
 * Every service stands in several copies on one database: whoever answers, the answer is the same. Give the system as a function, so
 * that each copy has a memory of its own: a service that keeps its state there is found.
 *
 * @example
 * ```ts
 * import { checkPlacement, inCopies } from '@dure/testing'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { zone: query({ output: z.string() }) } })
 * const time = () => system('time', { services: [service(Clock, { handlers: { zone: () => 'UTC' } })] })
 * const { placements, ok } = await checkPlacement({ system: time, placements: [inCopies()], runs: 2 })
 * console.log(placements, ok) // → [ 'together', 'with 2 copies of each service' ] true
 * ```
 */
export function inCopies({ database, copies = 2 }: InCopiesOptions = {}): Placement {
  checkNumbers('place a system in copies', { copies }, { copies: { ...COUNT, most: 64 } })
  return {
    name: `with ${copies} copies of each service`,
    starts: 10,
    open: async (world) => {
      const fresh = await database?.()
      const on = <S extends CopyWorld['system']>(system: S): S =>
        fresh === undefined ? system : { ...system, database: fresh.database }
      try {
        const copy = await open({ ...world, system: on(world.system), another: () => on(world.another()) }, { copies })
        return { ...copy, stop: () => copy.stop().finally(fresh?.stop) }
      } catch (error) {
        await fresh?.stop()
        throw error
      }
    },
  }
}

async function open(world: CopyWorld, { copies }: { readonly copies: number }): Promise<Copy> {
  const { system, another, directory, runtime, log } = world
  const parts: Running[] = []
  const stop = async (): Promise<void> => void (await Promise.all(parts.map((part) => part.stop({ everything: true }))))
  const run = async (part: string, copy: number): Promise<Running> => {
    const of = copy === 1 ? system : another()
    const running = await start(of, { directory, part: [part], copy, runtime, log, shutdownTimeout: 200 })
    parts.push(running)
    return running
  }
  try {
    const first = await run('broker', 1)
    const names = system.services.map(({ contract }) => contract.name)
    // In any order: whoever is needed is waited for.
    for (let copy = 1; copy <= copies; copy++) await Promise.all(names.map((name) => run(name, copy)))
    return { transport: first.transport, settle: settler(first, runtime), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
