import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '@dure/testing/servers'
import { dure, temporary } from './shell.test-support.ts'
import { spawned } from './spawned.test-support.ts'

const here = { cwd: import.meta.dirname }

test('dure config-server: serves a folder to whoever has a password, with its values decrypted, until it is told to end', async () => {
  const folder = join(temporary(), 'settings')
  mkdirSync(folder)
  const cipher = '{cipher}1214aff341775ccda8a18798da3265059eb9fefb5a496e144f42602cab46c031'
  writeFileSync(join(folder, 'app.yml'), `password: "${cipher}"`)
  const port = await freePort()
  const env = { DURE_CONFIG_CREDENTIALS: 'me:one\nme:two', DURE_CONFIG_ENCRYPT_KEY: 's3cret' }
  const running = spawned(['config-server', '--folder', folder, '--port', String(port), '--data', temporary()], { ...here, env })
  await running.until(/Configuration server at /)
  const url = `http://127.0.0.1:${port}`
  assert.match(running.out(), new RegExp(`Configuration server at ${url}\n`))
  const ask = async (password: string): Promise<readonly [number, string]> => {
    const authorization = `Basic ${Buffer.from(`me:${password}`).toString('base64')}`
    const answer = await fetch(`${url}/app-default.properties`, { headers: { authorization } })
    return [answer.status, await answer.text()]
  }
  assert.equal((await ask('three'))[0], 401)
  for (const password of ['one', 'two']) assert.deepEqual(await ask(password), [200, 'password: mysecret 두레'])
  running.child.kill('SIGTERM')
  assert.equal(await running.exit, 0)
  assert.ok(!running.out().includes('mysecret'))
})

test('dure config-server: what is not said, said twice, or not there is told', async () => {
  const cases: readonly (readonly [words: readonly string[], why: RegExp])[] = [
    [[], /one of --folder, --git and --sqlite/],
    [['--folder', 'a', '--sqlite', 'b'], /one of --folder, --git and --sqlite/],
    [['--folder', 'a', '--label', 'main'], /they are of --git/],
    [['--git', 'ext::sh -c true'], /Cannot use the Git repository/],
    [['--folder', join(temporary(), 'none')], /there is no such folder/],
  ]
  for (const [words, why] of cases) {
    const { code, err } = await dure(['config-server', ...words], here)
    assert.ok(code > 0)
    assert.match(err, why)
  }
})
