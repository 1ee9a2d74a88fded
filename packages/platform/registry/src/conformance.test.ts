import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { registryConformance } from 'dure/discovery/conformance'
import type { Registry } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { eurekaRegistry } from './eureka.ts'
import { startRegistry } from './started.ts'

registryConformance('registry of services', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-services-'))
  const server = await startRegistry({ directory, port: 0, log: silentLogger() })
  const views: Registry[] = []
  return {
    open: async () => {
      const view = await eurekaRegistry({ url: server.url })({ directory, runtime: realRuntime(), log: silentLogger() })
      views.push(view)
      return view
    },
    close: async () => {
      await Promise.all(views.map((view) => view.stop()))
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
})
