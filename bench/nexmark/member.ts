/** A process that runs queries: `node member.ts DIRECTORY BROKER URL q0,q1`. It says a line when it is ready, and ends when it is told to. */
import { once } from 'node:events'
import { keepAlive } from 'dure/runtime'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import type { QueryName } from './sql.ts'
import { brokerOf, NAME, nexmarkSystem, type BrokerName } from './running/system.ts'

const [, , directory, broker, url, names] = process.argv
const alive = keepAlive()
const told = once(process, 'SIGTERM')
const one = nexmarkSystem(names!.split(',') as QueryName[], await brokerOf(broker as BrokerName, url!))
const running = await start(one, {
  directory: directory!,
  log: silentLogger(),
  ...(broker === 'served' && { part: [NAME] }),
})
console.log('ready')
await told
await running.stop()
alive.stop()
