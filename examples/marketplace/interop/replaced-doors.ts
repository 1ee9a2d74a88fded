/** A service behind a gRPC and a socket door, as a process that is replaced and killed under load; run by itself it is that process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { grpc } from '@dure/grpc'
import { socket } from '@dure/socket'
import { command, contract, stream } from 'dure/contract'
import { keepAlive } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { joinSupervisor } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'

const Numbered = z.object({ n: z.int32() })

export const Counter = contract('counter', {
  version: '1.0.0',
  owner: 'team-counting',
  operations: {
    double: command({ input: Numbered, output: Numbered, idempotent: true, deadline: 120_000 }),
    count: stream({ input: z.object({ from: z.int32() }), output: Numbered, deadline: 3_600_000 }),
  },
  numbers: {
    CounterDoubleInput: { n: 1 },
    CounterDoubleOutput: { n: 1 },
    CounterCountInput: { from: 1 },
    CounterCountOutput: { n: 1 },
  },
})

if (import.meta.main) {
  const supervised = joinSupervisor()
  if (supervised === undefined || !(await supervised.loaded())) process.exit(0)
  const counter = service(Counter, {
    handlers: {
      // Long enough that a kill finds calls under way.
      double: async ({ n }) => {
        await setTimeout(10)
        return { n: 2 * n }
      },
      count: async function* ({ from }, { signal }) {
        for (let n = from; !signal.aborted; n++) {
          yield { n }
          await setTimeout(10)
        }
      },
    },
  })
  const doors = [grpc({ port: 0 }), socket({ port: 0 })]
  const directory = mkdtempSync(join(process.argv[2]!, 'process-'))
  const alive = keepAlive()
  const { sockets } = supervised
  const running = await start(system('counting', { services: [counter], doors, security: 'off' }), {
    directory,
    sockets,
    log: silentLogger(),
  })
  supervised.ready(running.doors.map(({ url }) => url))
  await supervised.stopped
  await running.stop(supervised.manner())
  rmSync(directory, { recursive: true, force: true })
  alive.stop()
  supervised.leave()
}
