/**
 * `npm run peers -- systemd`: the suite of targets with units of Debian's systemd, which is the first process of a container. Root; a minute
 * or two. The lines of the suite.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from '@dure/testing/foreign'
import { openPodman } from '@dure/testing/podman'
import { until } from '../containers.test-support.ts'
import { debianBase } from '../deploy.ts'
import { BASE } from './machine.test-support.ts'

const root = join(import.meta.dirname, '../../../../..')
const folder = mkdtempSync(join(tmpdir(), 'dure-systemd-'))
const { podman, words, env, close } = openPodman(folder)
await debianBase(BASE)
const name = 'dure-systemd'
const machine = ['run', '--detach', '--name', name, '--systemd=always', '--privileged', '--network=host', '--tmpfs=/tmp:exec']
await podman(...machine, `--volume=${root}:${root}:ro`, '--rootfs', `${BASE}:O`, '/sbin/init')
try {
  const inside = (...line: readonly string[]): Promise<string> => podman('exec', name, ...line)
  await until(() => inside('systemctl', 'is-system-running', '--wait').then(Boolean, () => false))
  // A systemd that is no container's does this itself. Else what it mounts for a service, as credentials are, is seen by nobody.
  await inside('mount', '--make-rshared', '/')
  const tests = join(import.meta.dirname, '../systemd/systemd.long.test.ts')
  const [program = '', ...before] = words
  const line = [
    'exec',
    '--workdir',
    root,
    '--env=PATIENCE=3',
    name,
    process.execPath,
    '--conditions=dure-source',
    '--test',
    tests,
  ]
  const said = await new Promise<string>((resolve) => {
    execFile(program, [...before, ...line], { env: { ...process.env, ...env } }, (_, out, wrong) => resolve(out + wrong))
  })
  console.log(said.replaceAll(/^(?=[✔✖])/gm, '  '))
  await check('the suite of targets passes with units of systemd', () => {
    if (!/^ℹ fail 0$/m.test(said) || !/^ℹ pass [1-9]/m.test(said)) throw new Error('see above')
  })
} finally {
  await close()
  rmSync(folder, { recursive: true, force: true })
}
