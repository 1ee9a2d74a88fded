import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { realRuntime } from 'dure/runtime'
import { groupsOf, start, type System } from 'dure/service'
import { supervise, type Supervisor } from 'dure/supervisor'
import { settler, steppedRuntime, type Copy, type CopyWorld, type Placement } from './copies.ts'
import type { PartWords } from './child-process.ts'
import { programBeside } from '../system-file.ts'

/** The system in one process of its own, which loads it from its file. */
export const inAnotherProcess: Placement = {
  name: 'in another process',
  open: (world) => open(world, 'in another process', [world.system.services.map(({ contract }) => contract.name)]),
  starts: 10,
}

/** Every service in a process of its own, beside one for the broker. */
export const split: Placement = {
  name: 'with each service in a process of its own',
  open: (world) => open(world, 'with each service in a process of its own', 'each'),
  starts: 20,
}

/** Every service in a thread of this process, beside one for the broker. */
export const threads: Placement = {
  name: 'with each service in a thread of its own',
  open: (world) => open(world, 'with each service in a thread of its own', 'threads'),
  starts: 20,
}

/**
 * Processes or threads under a supervisor, as `dure start --split` or `--threads` runs them. The caller stands where the doors would be, and reaches
 * services through the registry.
 */
async function open(
  { system, file, directory, seed, log }: CopyWorld,
  where: string,
  placement: System['placement'],
): Promise<Copy> {
  if (file === undefined) throw new TypeError(`Cannot place the system ${where}: no file says where it is; give "file"`)
  const groups = groupsOf({ ...system, placement, doors: [] })
  const program = programBeside(import.meta.url, 'child-process')
  const processes = groups.map(({ name, members, runsIn }, at) => {
    // Two processes that made the same ids would take each other's messages for their own; one alone makes those of any copy.
    const own = groups.length === 1 ? seed : seedOf(seed, at + 1)
    const words: PartWords = { file, directory, members, seed: own, steps: join(directory, `steps-${at}`) }
    const thread = runsIn === 'thread'
    // What a thread is not told, it has of its process; options that are the whole process's it does not take.
    const node = thread ? program.node.filter((option) => option.startsWith('--conditions')) : program.node
    return { name, program: [fileURLToPath(program.url), JSON.stringify(words)], node, thread, steps: words.steps }
  })
  const said: string[] = []
  const supervisor = await supervise({
    directory,
    processes,
    runtime: realRuntime(),
    onLine: ({ name, text }) => void said.push(`${name}: ${text}`),
  }).catch((error: unknown) => {
    throw new Error(`Cannot place the system ${where}: ${(error as Error).message}`, { cause: error })
  })
  const clocks: FarClock[] = []
  const stop = async (running?: { readonly stop: () => Promise<void> }): Promise<void> => {
    for (const clock of clocks) clock.stop()
    await running?.stop()
    await supervisor.stop()
  }
  try {
    const runtime = steppedRuntime(seedOf(seed, 0))
    const running = await start(system, { directory, part: ['doors'], runtime, log, shutdownTimeout: 200 })
    try {
      for (const { steps } of processes) clocks.push(await farClock(steps))
    } catch (error) {
      await running.stop()
      throw error
    }
    const quiet = settler(running, runtime)
    return {
      transport: running.transport,
      settle: async () => {
        await quiet()
        await Promise.all(clocks.map((clock) => clock.step()))
      },
      stop: async () => {
        const fell = fallen(supervisor)
        await stop(running)
        if (fell.length > 0) throw new Error(`Processes ended while they were compared: ${fell.join(', ')}\n${said.join('\n')}`)
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Another for every process, the same every time. */
const seedOf = (seed: number, at: number): number => (seed * 1_000 + at) % 0x7fffffff

/** The clock of another process. */
type FarClock = { readonly step: () => Promise<void>; readonly stop: () => void }

async function farClock(path: string): Promise<FarClock> {
  const socket = connect(path)
  await once(socket, 'connect')
  let answered = (): void => {}
  // One that is gone has no time to tell; that its process fell is found at the end.
  socket.on('data', () => answered())
  socket.on('close', () => answered())
  socket.on('error', () => {})
  return {
    step: () =>
      new Promise((resolve) => {
        if (socket.destroyed) return resolve()
        answered = resolve
        socket.write('.')
      }),
    stop: () => void socket.destroy(),
  }
}

function fallen(supervisor: Supervisor): readonly string[] {
  return supervisor.processes().flatMap(({ name, restarts }) => (restarts > 0 ? [name] : []))
}
