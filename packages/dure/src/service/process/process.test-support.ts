/** One process of the small shop: which part, its words say. */
import { keepAlive } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { start } from '../service.ts'
import { joinSupervisor } from '../supervisor/supervisor.ts'
import { shop } from './shop.test-support.ts'

const [directory, ...part] = process.argv.slice(2)
const supervised = joinSupervisor()!
const system = shop()
if (!(await supervised.loaded())) process.exit(0)
const alive = keepAlive()
const running = await start(system, { directory: directory!, part, log: silentLogger(), shutdownTimeout: 2_000 })
supervised.ready()
await supervised.stopped
await running.stop()
alive.stop()
supervised.leave()
