import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { targetConformance } from '../target/target.conformance.ts'
import { missing, openContainers, openEngine } from './container.test-support.ts'

if (missing !== false) test('containers', { skip: missing }, () => {})
else {
  const folder = mkdtempSync(join(tmpdir(), 'dure-containers-'))
  const engine = await openEngine(folder)
  let opened = 0
  after(async () => {
    await engine.close()
    rmSync(folder, { recursive: true, force: true })
  })
  targetConformance('containers', () => openContainers(join(folder, String(++opened)), engine))
}
