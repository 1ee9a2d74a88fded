import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { realRuntime } from '../../runtime/runtime.ts'
import { supervise } from './supervisor.ts'
import { nodeOptions } from './node-options.ts'

const PROGRAM = fileURLToPath(new URL('./program.test-support.ts', import.meta.url))

test('a young generation is small unless somebody has said how large it is to be', () => {
  const small = '--max-semi-space-size=8'
  assert.deepEqual(nodeOptions(['--conditions=dure-source']), ['--conditions=dure-source', small])
  assert.deepEqual(nodeOptions([], '--enable-source-maps'), [small])
  for (const own of ['--max-semi-space-size=32', '--max_semi_space_size=1', '--min-semi-space-size=64']) {
    assert.deepEqual(nodeOptions([own]), [own])
    assert.deepEqual(nodeOptions([], own), [])
  }
})

test('what is supervised has it, and what is given options of its own has those', { timeout: 60_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-young-'))
  const supervisor = await supervise({
    directory,
    processes: [
      { name: 'a', program: [PROGRAM, 'tells its options'] },
      { name: 'b', program: [PROGRAM, 'tells its options'], node: ['--conditions=dure-source'] },
    ],
    runtime: realRuntime(),
    onLine: () => {},
  })
  t.after(async () => {
    await supervisor.stop()
    rmSync(directory, { recursive: true })
  })
  const own = nodeOptions(process.execArgv, process.env['NODE_OPTIONS'])
  assert.deepEqual(supervisor.ready, [{ options: own }, { options: ['--conditions=dure-source'] }])
})
