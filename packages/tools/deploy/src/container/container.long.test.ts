import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { podmanMissing } from '@dure/testing/podman'
import { targetConformance } from '../target/target.conformance.ts'
import { openContainers, openEngine } from './container.test-support.ts'

if (podmanMissing !== false) test('containers', { skip: podmanMissing }, () => {})
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
