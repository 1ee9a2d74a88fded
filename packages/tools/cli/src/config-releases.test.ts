import assert from 'node:assert/strict'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, startHere, temporary } from './shell.test-support.ts'

const folder = temporary()
const path = join(folder, 'settings')
const data = join(folder, 'data')
mkdirSync(path)
process.env['SETTINGS'] = path
writeFileSync(join(folder, 'config.key'), `${Buffer.alloc(32, 7).toString('base64')}\n`)

function write(timeout: number): void {
  writeFileSync(join(path, '.next'), `pay:\n  timeout: ${timeout}\n  apiKey: hunter2-hunter2\n`)
  renameSync(join(path, '.next'), join(path, 'application.yml'))
}
const config = (...args: string[]): ReturnType<typeof dure> => dure(['config', ...args, '--data', data], { piped: true })
const counts = async (timeout: number): Promise<void> => {
  while (!(await config('why', 'pay.timeout')).out.includes(`is ${timeout}\n`));
}

test('changes are listed, rolled back by one command, and released by another', async (t) => {
  write(500)
  const running = await startHere('settings.system.test-support.ts', '--data', data)
  t.after(() => running.stop())
  assert.match((await config('rollback')).err, /Cannot roll back the settings: no release with others is known/)
  write(600)
  await counts(600)
  const back = await config('rollback', '--by', 'sori', '--reason', 'refunds fail')
  assert.equal(back.code, 0, back.err)
  assert.match(back.out, /^Release 2: rolled back/)
  await counts(500)
  const status = await config('status')
  assert.equal(status.code, 1)
  assert.match(status.out, /release 2 was rolled back: sori asked for it/)
  const { out } = await config('release', '--now', '--by', 'sori')
  assert.match(out, /^Release 3: trying, by sori \(pay\.timeout\)/)
  await counts(600)
  const listed = (await config('history')).out
  assert.match(
    listed,
    /^NUMBER +AGE +WHAT +KEYS\n3 +\S+ s +released, by sori +pay\.timeout\n2 .*rolled back.*\n.*sori asked for it\n1 +\S+ s +start/,
  )
  assert.match((await config('rollback', '7')).err, /Cannot roll back to release 7/)
  assert.equal((await config('rollback', '1')).code, 0)
  await counts(500)
  const releases = JSON.parse((await config('history', '--json')).out) as { number: number; of: string; to?: number }[]
  assert.deepEqual(releases.map(({ number, of, to }) => [number, of, to])[0], [4, 'rollback', 1])
  for (const text of [listed, JSON.stringify(releases)]) assert.ok(!text.includes('hunter2'))
})
