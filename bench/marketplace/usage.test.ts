import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { usageOf } from './usage.ts'

const BUSY = `let used = 0; while (used < 100_000) used = process.cpuUsage().user`
/** Has run a child that was busy, and runs two more, which end with it. */
const FAMILY = `
  const { spawn, spawnSync } = require('node:child_process')
  spawnSync(process.execPath, ['-e', ${JSON.stringify(BUSY)}])
  for (const name of ['one', 'two']) spawn(process.execPath, ['-e', 'process.stdin.resume()', name], { stdio: ['pipe', 'ignore', 'ignore'] })
  console.log('there')
  process.stdin.on('end', () => process.exit()).resume()`

test(
  'a family of processes is counted together, with who has ended and without who is left out',
  { timeout: 60_000 },
  async (t) => {
    const root = spawn(process.execPath, ['-e', FAMILY], { stdio: ['pipe', 'pipe', 'inherit'] })
    t.after(() => root.stdin.end())
    await once(root.stdout, 'data')
    const all = usageOf(root.pid!)
    assert.equal(all.processes, 3)
    assert.ok(all.cpuSeconds >= 0.1, 'the busy child has ended and counts')
    const part = usageOf(root.pid!, / two/)
    assert.equal(part.processes, 2)
    assert.ok(part.rssMb > 0 && part.pssMb > 0 && part.rssMb < all.rssMb && part.pssMb < part.rssMb)
  },
)

test('who does not run cannot be measured', async () => {
  const gone = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' })
  await once(gone, 'exit')
  assert.throws(() => usageOf(gone.pid!), /Cannot measure process \d+: it does not run/)
})
