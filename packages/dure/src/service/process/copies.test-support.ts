/** A desk without a store, of which there may be copies; as a program, one process of it. */
import { z } from 'zod'
import { command, contract, query } from '../../contract/contract.ts'
import { keepAlive, realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { service, start, system, type System } from '../service.ts'
import { joinSupervisor } from '../supervisor/supervisor.ts'

export const Desk = contract('desk', {
  version: '1.0.0',
  owner: 'tests',
  operations: { look: query({ output: z.int() }), file: command({ output: z.int() }) },
})

const { timers } = realRuntime()
const answer = async (): Promise<number> => {
  await timers.sleep(2)
  return process.pid
}

export const desk = (): System => system('desks', { services: [service(Desk, { handlers: { look: answer, file: answer } })] })

const supervised = joinSupervisor()
if (supervised !== undefined && (await supervised.loaded())) {
  const [directory, ...part] = process.argv.slice(2)
  const alive = keepAlive()
  const running = await start(desk(), { directory: directory!, part, log: silentLogger(), shutdownTimeout: 5_000 })
  supervised.ready()
  await supervised.stopped
  await running.stop(supervised.manner())
  alive.stop()
  supervised.leave()
}
