/** A process to be killed: registers an instance and waits. */
import { writeSync } from 'node:fs'
import { keepAlive, realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { embeddedRegistry } from './embedded.ts'

const [directory, id, path] = process.argv.slice(2)
const registry = embeddedRegistry()({ directory: directory!, runtime: realRuntime(), log: silentLogger() })
await registry.register({
  service: 'orders',
  id: id!,
  version: '1.0.0',
  status: 'up',
  endpoints: { dure: { kind: 'unix', path: path! } },
  metadata: {},
})
// The runtime's timers do not keep a process alive; this one waits for its end.
keepAlive()
writeSync(1, 'registered\n')
