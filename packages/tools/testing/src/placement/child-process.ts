/** One process of a placed system: under a supervisor, with a clock that moves when it is told. */
import { createServer } from 'node:net'
import { keepAlive } from 'dure/runtime'
import { start } from 'dure/service'
import { joinSupervisor, type Supervised } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'
import { embedded, steppedRuntime } from './copies.ts'
import { systemOf, type SystemFile } from '../system-file.ts'

/** What it is told on its command line. */
export type PartWords = {
  readonly file: SystemFile
  readonly directory: string
  readonly members: readonly string[]
  readonly seed: number
  /** Where it listens for steps of its clock: one byte each, answered when it is done. */
  readonly steps: string
}

async function run(supervised: Supervised, { file, directory, members, seed, steps }: PartWords): Promise<void> {
  const system = embedded(await systemOf(file))
  if (!(await supervised.loaded())) return supervised.leave()
  const alive = keepAlive()
  const runtime = steppedRuntime(seed)
  const running = await start(system, { directory, part: members, runtime, log: silentLogger(), shutdownTimeout: 200 })
  const clock = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (asked) => {
      for (const _ of asked) runtime.step()
      socket.write(asked)
    })
  })
  await new Promise<void>((resolve, reject) => clock.once('error', reject).listen(steps, resolve))
  supervised.ready()
  await supervised.stopped
  clock.close()
  await running.stop({ everything: true })
  alive.stop()
  supervised.leave()
}

const supervised = joinSupervisor()
const words = process.argv[2]
if (supervised !== undefined && words !== undefined) {
  try {
    await run(supervised, JSON.parse(words) as PartWords)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 1
    supervised.leave()
  }
}
