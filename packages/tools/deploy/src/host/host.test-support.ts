import { join } from 'node:path'
import { freePort } from '@dure/testing/servers'
import type { TargetRig } from '../target/target.conformance.ts'
import { rigAt } from '../releases.test-support.ts'
import { host } from './host.ts'

/** A host with nothing on it; its copies are a small program that does what its version says. */
export async function openHost(directory: string): Promise<TargetRig & { readonly url: string }> {
  const port = await freePort()
  const open = () =>
    host({
      ...{ directory, port, readiness: 10_000, shutdownTimeout: 5_000, memory: 64 },
      program: ({ release }) => ({
        program: [join(import.meta.dirname, 'program.child.test-support.ts'), release.version],
        node: ['--conditions=dure-source'],
        cwd: directory,
      }),
    })
  return rigAt(port, open)
}
