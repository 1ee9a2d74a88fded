/** A collector in a process of its own, with room for all that is measured. */
import { startCollector } from '@dure/collector'

const limits = { bytes: 16 * 2 ** 30, segmentBytes: 256 * 2 ** 20 }
const { url, stop } = await startCollector({ directory: process.argv[2]!, port: 0, limits })
console.log(url)
process.once('SIGTERM', () => void stop())
