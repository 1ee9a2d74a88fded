import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const program = fileURLToPath(new URL('alone.test-support.ts', import.meta.url))
const run = (...words: string[]) => promisify(execFile)(process.execPath, ['--conditions=dure-source', program, ...words])

// A process whose last promise hangs on a timer that does not keep it alive ends with code 13, and nothing is closed.
const { stdout } = await run()
for (const scene of stdout.trim().split('\n')) {
  test(`with nothing else alive, it settles and closes all: ${scene}`, { timeout: 60_000 }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dure-alone-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const { stdout } = await run(scene, directory)
    assert.deepEqual(JSON.parse(stdout), { settled: true, open: [] })
  })
}
