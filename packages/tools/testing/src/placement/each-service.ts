import type { Running } from 'dure/service'
import { start } from 'dure/service'
import { settler, type Copy, type CopyWorld, type Placement } from './copies.ts'

/**
 * Every service is started as a part of its own, beside a broker that all share: what they ask each other goes through
 * sockets and the registry, as in a system that is split. The parts stay in this process, which makes no difference to
 * them and a large one to how soon they have started.
 */
export const eachAlone: Placement = { name: 'with each service alone', open }

async function open({ system, directory, runtime, log }: CopyWorld): Promise<Copy> {
  const parts: Running[] = []
  const stop = async (): Promise<void> => void (await Promise.all(parts.map((part) => part.stop({ everything: true }))))
  const run = async (...part: readonly string[]): Promise<Running> => {
    const running = await start(system, { directory, part, runtime, log, shutdownTimeout: 200 })
    parts.push(running)
    return running
  }
  try {
    const first = await run('broker')
    // In any order: whoever is needed is waited for.
    await Promise.all(system.services.map(({ contract }) => run(contract.name)))
    return { transport: first.transport, settle: settler(first, runtime), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
