import assert from 'node:assert/strict'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, startHere, temporary } from './shell.test-support.ts'

const SYSTEM = 'settings.system.test-support.ts'
const folder = temporary()
const path = join(folder, 'settings')
const data = join(folder, 'data')
mkdirSync(path)
// Before the system is loaded, once for all tests of this file.
process.env['SETTINGS'] = path
writeFileSync(join(folder, 'config.key'), `${Buffer.alloc(32, 7).toString('base64')}\n`)

function write(file: string, text: string): void {
  writeFileSync(join(path, '.next'), text)
  renameSync(join(path, '.next'), join(path, file))
}
const config = (...args: string[]): ReturnType<typeof dure> => dure(['config', ...args, '--data', data], { piped: true })

test('what is encrypted on the command line is decrypted by the system, and shown to nobody', async (t) => {
  const key = ['--key-file', join(folder, 'config.key')]
  const { out, code } = await dure(['config', 'encrypt', 'pay.apiKey', ...key], { stdin: 'hunter2-hunter2\n' })
  assert.equal(code, 0)
  assert.match(out, /^\{encrypted\}[A-Za-z0-9+/=]+\n$/)
  write('application.yml', `pay:\n  timeout: 500\n  apiKey: "${out.trim()}"\n  timeuot: 1\n`)
  write('application-prod.properties', '# for production\npay.timeout = 800\n')

  await t.test('of a system file', async () => {
    const checked = await config('check', SYSTEM)
    assert.equal(checked.code, 0, checked.err)
    assert.match(checked.out, /3 settings, all as they should be\n {2}"pay\.timeuot" is set, and no schema names it/)
    const why = await config('why', 'pay.timeout', SYSTEM)
    assert.match(
      why.out,
      /^pay\.timeout is "800"\n {2}from .*application-prod\.properties:2\nIt overrides\n {2}500 from .*application\.yml:2\n/,
    )
    const listed = await config('list', SYSTEM)
    assert.match(listed.out, /pay\.apiKey +\[secret\] +.*application\.yml:3/)
    assert.match((await config('why', 'pay.timout', SYSTEM)).err, /Nothing sets "pay\.timout"; perhaps: pay\.timeout/)
    write('application-prod.properties', 'pay.timeout = 8000\n')
    const wrong = await config('check', SYSTEM, '--json')
    assert.equal(wrong.code, 1)
    const { problems } = JSON.parse(wrong.out) as { problems: { key: string; from: string; line: number }[] }
    assert.deepEqual(
      problems.map(({ key, line }) => [key, line]),
      [['pay.timeout', 1]],
    )
    write('application-prod.properties', 'pay.timeout = 800\n')
  })

  await t.test('of a system that runs', async (t) => {
    const running = await startHere(SYSTEM, '--data', data)
    t.after(() => running.stop())
    assert.match((await config('why', 'pay.timeout')).out, /^pay\.timeout is "800"\n/)
    write('application-prod.properties', 'pay.timeout = 900\n')
    while (!(await config('why', 'pay.timeout')).out.includes('is "900"'));
    assert.equal((await dure(['call', 'pay.timeout', '--data', data])).out.trim(), '900')
    assert.equal((await config('status')).code, 0)
    // Another's key: it cannot be decrypted, and what was before goes on.
    write('application-prod.properties', `pay.timeout = 100\npay.apiKey = ${out.trim().slice(0, -8)}AAAAAAA=\n`)
    let status = await config('status')
    while (status.code === 0) status = await config('status')
    assert.match(status.out, /A change was refused .*\n {2}.*application-prod\.properties:2: pay\.apiKey: it cannot be decrypted/)
    assert.equal((await dure(['call', 'pay.timeout', '--data', data])).out.trim(), '900')
    const { out: shown, err } = await running.stop()
    for (const text of [shown, err, (await config('status')).err]) assert.ok(!text.includes('hunter2'))
    assert.match(err, /A change of settings was refused/)
  })
})

test('without a key nothing is encrypted', async () => {
  const { code, err } = await dure(['config', 'encrypt', 'pay.apiKey'], { stdin: 'x' })
  assert.equal(code, 2)
  assert.match(err, /Cannot encrypt "pay\.apiKey": the variable "DURE_CONFIG_KEY" has no key/)
})
