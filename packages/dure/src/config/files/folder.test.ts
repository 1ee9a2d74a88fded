import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { folder, mount, type ConfigAdapter } from '../config.ts'

async function read(t: TestContext, adapter: ConfigAdapter): Promise<unknown> {
  const source = await adapter({ directory: '.', runtime: realRuntime(), log: silentLogger() })
  t.after(() => source.stop())
  return source.read()
}

test('a file of 100 MB is not read, and says how large it may be', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'dure-large-'))
  t.after(() => rmSync(path, { recursive: true }))
  writeFileSync(join(path, 'application.yml'), 'a: 1\n')
  // It has no bytes on the disk, and whoever reads it has them in memory.
  truncateSync(join(path, 'application.yml'), 100_000_000)
  const before = process.memoryUsage().arrayBuffers
  for (const adapter of [folder({ path }), mount({ path })])
    await assert.rejects(read(t, adapter), /application\.yml: it has 100000000 bytes; give 2097152 at most/)
  assert.ok(process.memoryUsage().arrayBuffers - before < 50_000_000)
})
