/** `node collector.child.test-support.ts DIRECTORY`: a collector in a process of its own, which can be killed and frozen. */
import { startCollector } from './collector.ts'

const { url } = await startCollector({ directory: process.argv[2]!, port: 0 })
console.log(url)
