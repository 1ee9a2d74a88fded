/** Dure's registry in a process of its own: says where it listens. */
import { startRegistry } from '@dure/registry'
import { silentLogger } from 'dure/telemetry'

const [directory] = process.argv.slice(2)
// All instances come from this machine.
const limits = { instances: 20_000, instancesPerClient: 20_000 }
const { url } = await startRegistry({ directory: directory!, port: 0, limits, log: silentLogger() })
console.log(url)
