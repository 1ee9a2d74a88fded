import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '@dure/testing/servers'
import { rigAt } from '../releases.test-support.ts'
import { targetConformance } from '../target/target.conformance.ts'
import { systemd } from './systemd.ts'

// As sd_booted(3) asks; `npm run peers -- systemd` has a machine of its own, which is slow.
const booted = existsSync('/run/systemd/system') && process.getuid?.() === 0
const patience = Number(process.env['PATIENCE'] ?? 1)

if (!booted) test('units of systemd', { skip: 'needs server: systemd' }, () => {})
else
  targetConformance(
    'units of systemd',
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'units-'))
      const port = await freePort()
      const open = () =>
        systemd({
          ...{ directory, port, readiness: 10_000 * patience, shutdownTimeout: 5_000 * patience, memory: 128 },
          program: ({ release }) => ({
            program: [join(import.meta.dirname, '../host/program.child.test-support.ts'), release.version],
            node: ['--conditions=dure-source'],
            cwd: '/',
          }),
        })
      const rig = rigAt(port, open)
      return {
        ...rig,
        close: async () => {
          await rig.close()
          rmSync(directory, { recursive: true, force: true })
        },
      }
    },
    { timeout: 120_000 * patience },
  )
