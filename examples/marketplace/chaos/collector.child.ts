/**
 * `node collector.child.ts DIRECTORY BYTES`: a collector of that directory whose store may have so many bytes. A new store is filled first,
 * so that from the beginning each segment takes the place of another, however slow the machine is.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { startCollector } from '@dure/collector'

const [directory = '', bytes = ''] = process.argv.slice(2)
const isNew = !existsSync(join(directory, 'collector'))
const { url, stop } = await startCollector({ directory, port: 0, limits: { bytes: Number(bytes) } })
process.once('SIGTERM', () => void stop())
if (isNew) await fill(2 * Number(bytes))
console.log('collecting')

async function fill(characters: number): Promise<void> {
  const line = JSON.stringify({ message: 'Told before all else', service: 'filler', padding: 'x'.repeat(900) })
  const lines = `${line}\n`.repeat(1_000)
  for (let sent = 0; sent < characters; sent += lines.length) {
    const taken = await fetch(`${url}/v1/lines`, { method: 'POST', body: lines })
    if (!taken.ok) throw new Error(`Cannot fill the store: the collector answers ${taken.status} ${await taken.text()}`)
  }
}
