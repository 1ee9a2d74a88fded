import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemdUnits, type SystemdWorkload } from './units.ts'

const program = 'systemd-analyze'
const skip = spawnSync(program, ['--version']).status === 0 ? false : `needs server: ${program}`
const shop: SystemdWorkload = {
  name: 'shop',
  command: ['/bin/true', 'start'],
  folder: '/srv',
  sockets: { rest: '127.0.0.1:8080' },
}

test('systemd takes the units, without a word, and judges them to be next to closed', { skip }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-units-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const units = systemdUnits({
    ...shop,
    command: ['/bin/true', 'a "b" $HOME 100% \\ `c`'],
    environment: { GREETING: 'hello "you" $HOME 100% \\' },
    sockets: { rest: '127.0.0.1:8080', socket: '[::1]:8081' },
    ...{ credentials: '/etc/shop', memory: 256, unit: ['After=postgresql.service'], readiness: 1_500 },
  })
  const files = Object.entries(units).map(([name, text]) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  })
  const verified = spawnSync(program, ['verify', '--man=no', '--recursive-errors=no', ...files], { encoding: 'utf8' })
  assert.deepEqual([verified.status, verified.stdout, verified.stderr], [0, '', ''])
  // Exposure from 0 (closed) to 100; a unit that says nothing of this has 96.
  const judged = spawnSync(program, ['security', '--offline=true', '--threshold=15', '--no-pager', files[0]!], {
    encoding: 'utf8',
  })
  assert.equal(judged.status, 0, judged.stdout + judged.stderr)
})

test('words and values are what they were, whatever stands in them', () => {
  const text = fc.string({ unit: 'binary' }).filter((one) => !/[\0\n\r]/.test(one))
  /** As systemd reads it: quotes, escapes, and what it would replace. */
  const read = (line: string): readonly string[] =>
    [...line.matchAll(/"((?:[^"\\]|\\.)*)"/gsu)].map(([, word]) => word!.replaceAll(/\\(["\\])/g, '$1').replaceAll('%%', '%'))
  fc.assert(
    fc.property(fc.array(text), text, (words, value) => {
      const unit = systemdUnits({ ...shop, command: ['/bin/true', ...words], environment: { VALUE: value } })['shop.service']!
      const line = (name: string): readonly string[] => unit.split('\n').filter((one) => one.startsWith(`${name}=`))
      assert.deepEqual(
        read(line('ExecStart')[0]!).map((word) => word.replaceAll('$$', '$')),
        ['/bin/true', ...words],
      )
      assert.deepEqual(read(line('Environment').at(-1)!), [`VALUE=${value}`])
    }),
  )
})

test('what cannot stand in a unit is refused, all of it at once', () => {
  const wrong = {
    ...{ name: 'my shop', command: ['node'], folder: '/home/me/shop', environment: { 'A B': '1' }, sockets: { 'a:b': '1\n2' } },
  } as const satisfies SystemdWorkload
  assert.throws(() => systemdUnits(wrong), {
    code: 'TARGET',
    message:
      'Cannot write the units of "my shop": a unit is called by letters, digits, "-" and "_"; "node" is no whole path; ' +
      '"/home/me/shop" is in a home, which the service cannot see; put it below /srv or /opt; "A B" is no name of a variable; ' +
      '"a:b" is no name of a socket; "1\\n2" has a line break or a zero byte',
  })
})
