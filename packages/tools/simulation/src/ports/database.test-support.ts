import { sqlite, type DatabaseAdapter, type DatabaseWorld } from 'dure/data'
import { realProcess } from '../real.test-support.ts'
import { simulatedDatabase } from './database.ts'

/** For the conformance suite, which imports this file in other processes as well. */
export function openAdapter(world: DatabaseWorld): Promise<DatabaseAdapter> {
  return simulatedDatabase({
    process: realProcess(world.runtime),
    owners: new Map(),
    adapter: sqlite(),
    fate: { slowness: () => 0, full: () => false, answerLost: () => false, sometimes: () => {} },
  })(world)
}
