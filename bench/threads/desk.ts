/** Two services in two threads of one process; as a program, one thread of it. */
import { command, contract, query } from 'dure/contract'
import { embeddedBroker } from 'dure/messaging'
import { keepAlive } from 'dure/runtime'
import { service, start, system, type System } from 'dure/service'
import { joinSupervisor } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'

export const Neighbour = contract('neighbour', {
  version: '1.0.0',
  owner: 'bench',
  operations: { look: query({ output: z.int() }) },
})

export const Nuisance = contract('nuisance', {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    /** Blocks the loop of its thread for so many milliseconds: at work, or asleep as behind a synchronous read. */
    block: command({ input: z.object({ ms: z.int(), how: z.enum(['working', 'asleep']) }) }),
  },
})

const neighbour = service(Neighbour, { handlers: { look: () => 7 } })

const nuisance = service(Nuisance, {
  handlers: {
    block: ({ ms, how }, { clock }) => {
      if (how === 'asleep') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
      else for (const until = clock.monotonic() + ms; clock.monotonic() < until;);
    },
  },
})

export const desk = (): System =>
  system('desk', {
    services: [neighbour, nuisance],
    broker: embeddedBroker({ durability: 'process' }),
    placement: { threads: [['neighbour'], ['nuisance']] },
  })

const supervised = joinSupervisor()
if (supervised !== undefined && (await supervised.loaded())) {
  const [directory, ...part] = process.argv.slice(2) as [string, ...string[]]
  const alive = keepAlive()
  const running = await start(desk(), { directory, part, log: silentLogger(), copy: supervised.copy })
  supervised.ready()
  await supervised.stopped
  await running.stop(supervised.manner())
  alive.stop()
  supervised.leave()
}
