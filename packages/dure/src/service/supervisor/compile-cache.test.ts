import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { enableCompileCache, getCompileCacheDir } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { realRuntime } from '../../runtime/runtime.ts'

const PROGRAM = fileURLToPath(new URL('./program.test-support.ts', import.meta.url))

test('what this process has compiled is there for those it starts', { timeout: 60_000 }, async (t) => {
  assert.deepEqual(shareCompiled(), {}, 'there is nothing to share')
  const directory = mkdtempSync(join(tmpdir(), 'dure-compiled-'))
  t.after(() => rmSync(directory, { recursive: true }))
  enableCompileCache(join(directory, 'compiled'))
  // Loaded only now, so that there is something.
  const { supervise } = await import('./supervisor.ts')
  const supervisor = await supervise({
    directory,
    processes: [{ name: 'a', program: [PROGRAM, 'compiles'] }],
    runtime: realRuntime(),
    onLine: () => {},
  })
  t.after(supervisor.stop)
  assert.ok(readdirSync(getCompileCacheDir()!).length > 0)
  assert.deepEqual(supervisor.ready, [{ folder: getCompileCacheDir() }])
})
