/**
 * `npm run peers -- systemd`: the suite of targets with units of a systemd that has a whole machine: a virtual one, under QEMU without the processor's
 * help. Many minutes; root. The lines of the suite.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from '@dure/testing/foreign'
import { releaseOf } from '../releases.test-support.ts'
import { openMachines } from './machine.test-support.ts'

const sources = join(import.meta.dirname, '..')
/** What is no part of an image: tests, and what they alone need. */
const TESTS = ['systemd/systemd.long.test.ts', 'host/program.child.test-support.ts', 'releases.test-support.ts']
const folder = mkdtempSync(join(tmpdir(), 'dure-systemd-tests-'))
const app = join(folder, 'packages/tools/deploy/src')
for (const path of TESTS) cpSync(join(sources, path), join(app, path), { recursive: true })
cpSync(join(sources, '../../../../node_modules/zod'), join(folder, 'node_modules/zod'), { recursive: true })

const { target, inside, close } = await openMachines(
  // It ends at once: what is in it is all that counts.
  { folder: join(sources, '..'), program: ['src/target/target.ts'] },
  { memory: 2_048, options: ['-drive', `driver=vvfat,dir=${folder},label=TESTS,read-only=on,if=virtio`] },
)
const release = releaseOf('1.0.0')
await target.apply({ release, copies: 1 })
const lines = [
  ...['systemctl is-system-running --wait >/dev/null; systemctl disable --quiet --now dure-rest.socket dure.service'],
  ...['mount LABEL=TESTS /mnt && cp -r /mnt/. /app && cd /app/packages/tools/deploy'],
  'PATIENCE=20 /usr/bin/node --conditions=dure-source --test src/systemd/systemd.long.test.ts 2>&1; cd /',
]
const said = await inside(release, lines.join('; '))
console.log(said.replaceAll(/^(?=[✔✖])/gm, '  '))
await check('the suite of targets passes with units of systemd', () => {
  if (!/^ℹ fail 0$/m.test(said) || !/^ℹ pass [1-9]/m.test(said)) throw new Error('see above')
})
await close()
rmSync(folder, { recursive: true, force: true })
