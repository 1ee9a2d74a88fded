import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { targetConformance } from '../target/target.conformance.ts'
import { openHost } from './host.test-support.ts'

targetConformance('processes of a host', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'host-'))
  const rig = await openHost(folder)
  return {
    ...rig,
    close: async () => {
      await rig.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
})
