import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { enableCompileCache, getCompileCacheDir } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { realRuntime } from '../../runtime/runtime.ts'

const PROGRAM = fileURLToPath(new URL('./program.test-support.ts', import.meta.url))

test('who keeps nothing that was compiled has nothing to share', { timeout: 60_000 }, () => {
  const module = JSON.stringify(new URL('./compile-cache.ts', import.meta.url).href)
  const program = `console.log(JSON.stringify((await import(${module})).shareCompiled()))`
  const said = execFileSync(process.execPath, ['--conditions=dure-source', '--input-type=module', '--eval', program], {
    encoding: 'utf8',
    // The run of all tests shares what is compiled.
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' },
  })
  assert.equal(said.trim(), '{}')
})

test('what this process has compiled is there for those it starts', { timeout: 60_000 }, async (t) => {
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
