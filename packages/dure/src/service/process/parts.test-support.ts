import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { start, type Running, type System } from '../service.ts'
import { shop } from './shop.test-support.ts'

/** Several parts in one process: everything between them still goes through sockets and the registry. */
export function rig(t: TestContext, make: () => System = shop) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-part-'))
  const running: Running[] = []
  t.after(async () => {
    await Promise.all(running.map((one) => one.stop({ everything: true })))
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    directory,
    run: async (...part: readonly string[]): Promise<Running> => {
      const one = await start(make(), { directory, part, log: silentLogger(), shutdownTimeout: 2_000 })
      running.push(one)
      return one
    },
  }
}
