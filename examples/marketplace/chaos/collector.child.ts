/** `node collector.child.ts DIRECTORY BYTES`: a collector of that directory whose store may have so many bytes. */
import { startCollector } from '@dure/collector'

const [directory = '', bytes = ''] = process.argv.slice(2)
const { stop } = await startCollector({ directory, port: false, limits: { bytes: Number(bytes) } })
process.once('SIGTERM', () => void stop())
console.log('collecting')
