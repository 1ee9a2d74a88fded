/** A process that serves `echo`, `wait` and `ticks`, to be frozen and killed; it tells where it listens. */
import { writeSync } from 'node:fs'
import type { Address } from '../../discovery/discovery.ts'
import { listen } from './rig.test-support.ts'

const address = JSON.parse(process.argv[2]!) as Address
const listener = await listen({ address })
writeSync(1, `${JSON.stringify(listener.address)}\n`)
process.stdin.on('end', () => process.exit())
process.stdin.resume()
